import ArgumentParser
import Core
import JSON
import Store
import Terminal

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "What operators have had the gateway do, the newest last.",
        discussion: "Each command with who gave it, from where, and what came of it; never what was in its body. Of "
            + "this run of the gateway, or with --stored of all that the history's file keeps. --database needs no "
            + "running gateway.")
    @OptionGroup var host: HostOptions
    @Flag(help: "Of everything that the gateway has kept, not of what it has in memory alone.") var stored = false
    @Option(help: "Read this file instead of asking a gateway.") var database: String?
    @Option(help: "Show the newest so many.") var limit = StoreLimits.usualPage

    func run() throws {
        guard limit > 0 else { throw fail("--limit takes a number from 1 on") }
        var records: [JSONValue] = []
        if let database {
            records = try read(database)
        } else if stored {
            var before: String? = "newest"
            while let place = before, records.count < limit {
                let count = min(limit - records.count, StoreLimits.longestPage)
                let page = try ask("/v1/audit?before=\(PathPart.encoded(place))&limit=\(count)")
                records += page["data"]?.array ?? []
                before = page["next_before"]?.string
            }
            records.reverse()
        } else {
            records = try (ask("/v1/audit")["data"]?.array ?? []).suffix(limit)
        }
        if host.json { return print(String(decoding: JSONValue.array(records).bytes, as: UTF8.self)) }
        guard !records.isEmpty else { return print("No commands.") }
        print(TextTable.render(["AT", "WHO", "FROM", "COMMAND", "STATUS", "PROBLEM"], records.map(Self.row)))
    }

    private func ask(_ path: String) throws -> JSONValue {
        let (status, body) = try host.get(path)
        let value = try host.parsed(body)
        guard status == 200 else { throw fail(GatewayWords.refusal(value, status)) }
        return value
    }

    /// The newest of a file, the newest last.
    private func read(_ path: String) throws -> [JSONValue] {
        do throws(StoreProblem) {
            let reader = try StoreReader(path: path)
            var (records, before): ([StoredAudit], Int64?) = ([], nil)
            repeat {
                let page = try reader.audit(
                    before: before, limit: min(limit - records.count, StoreLimits.longestPage))
                records += page.records
                before = page.next
            } while before != nil && records.count < limit
            var json = JSONWriter()
            json.beginArray()
            for stored in records.reversed() { AuditTrail.write(stored.record, to: &json) }
            json.endArray()
            return (try? JSONValue.parse(json.bytes))?.array ?? []
        } catch {
            throw fail("\(path): \(error)")
        }
    }

    private static func row(_ record: JSONValue) -> [String] {
        let who = record["key"]?.string ?? record["certificate"]?.string.map { "certificate \($0)" }
        let session = record["session"]?.bool == true ? " (signed in)" : ""
        return [
            record["at"]?.string ?? "", (who ?? "-") + session, record["client"]?.string ?? "signal",
            record["command"]?.string ?? "", record["status"]?.int.map(String.init) ?? "",
            record["problem"]?.string ?? "",
        ].map(CellText.clean)
    }
}
