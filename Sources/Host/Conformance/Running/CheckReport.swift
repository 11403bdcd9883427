import JSON

/// What became of one check.
public struct CheckResult: Equatable, Sendable {
    public enum Verdict: String, Sendable { case pass, fail, skip }

    public let id: String
    public let requirement: String
    public var verdict: Verdict
    /// What was seen.
    public var detail: String
    public var milliseconds: Int

    /// What was being done when the adapter ended or stopped its process; empty: it did not.
    public var scenario = ""
    /// Where it crashed, from the faulty instruction outwards; empty: it did not, or nobody knows.
    public var backtrace: [String] = []

    /// It was not run, since one before it failed on which all others rest.
    public internal(set) var isUnreached = false

    /// One line, without control characters.
    public var line: String {
        let word = verdict == .fail ? "FAIL" : verdict.rawValue
        let known = scenario.isEmpty ? detail : "\(detail), during: \(scenario)"
        return "\(word)  \(id.padded(to: 30))  \(requirement) / \(known)".inOneLine
    }

    /// That line, and below it where the adapter crashed.
    public var text: String {
        ([line] + backtrace.map { "          \($0)".inOneLine }).joined(separator: "\n")
    }
}

/// What the adapter says of itself; empty where it could not be loaded.
public struct CheckedAdapter: Equatable, Sendable {
    public var type = ""
    public var version = ""
    public var abi = ""
}

public struct CheckReport: Equatable, Sendable {
    public var adapter = CheckedAdapter()
    public var results: [CheckResult] = []

    public func count(_ verdict: CheckResult.Verdict) -> Int { results.count { $0.verdict == verdict } }

    public var summary: String {
        "\(count(.pass)) passed, \(count(.fail)) failed, \(count(.skip)) skipped"
    }

    /// What is wrong, causes before what follows from them: a check on which all others rest, then what ended the process, then
    /// the rest; checks that saw the same stand together. Empty if nothing is.
    public var causes: [String] {
        let failed = results.filter { $0.verdict == .fail }
        var seen: [String: [String]] = [:]
        for result in failed { seen[result.detail, default: []].append(result.id) }
        var told: Set<String> = []
        let first = failed.enumerated().filter { told.insert($0.element.detail).inserted }
        func rank(_ result: CheckResult) -> Int {
            Check.all.contains { $0.id == result.id && $0.isEssential } ? 0 : result.isEndOfProcess ? 1 : 2
        }
        let ordered = first.sorted { (rank($0.element), $0.offset) < (rank($1.element), $1.offset) }
        let lines = ordered.map { _, result in
            let ids = seen[result.detail] ?? []
            let more = ids.count > 3 ? " and \(ids.count - 3) more" : ""
            return "\(result.detail) (\(ids.prefix(3).joined(separator: ", "))\(more))".inOneLine
        }
        let unreached = results.count(where: \.isUnreached)
        return unreached == 0 ? lines : lines + ["\(unreached) checks rest on that, and were not run"]
    }

    public var json: String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("adapter")
        writer.beginObject()
        for (key, value) in [("type", adapter.type), ("version", adapter.version), ("abi", adapter.abi)] {
            writer.key(key)
            if value.isEmpty { writer.null() } else { writer.string(value) }
        }
        writer.endObject()
        writer.key("checks")
        writer.beginArray()
        for result in results {
            writer.beginObject()
            for (key, value) in [
                ("id", result.id), ("requirement", result.requirement), ("result", result.verdict.rawValue),
                ("detail", result.detail),
            ] {
                writer.key(key)
                writer.string(value)
            }
            if !result.scenario.isEmpty {
                writer.key("scenario")
                writer.string(result.scenario)
            }
            if !result.backtrace.isEmpty {
                writer.key("backtrace")
                writer.beginArray()
                for line in result.backtrace { writer.string(line) }
                writer.endArray()
            }
            writer.key("milliseconds")
            writer.integer(result.milliseconds)
            writer.endObject()
        }
        writer.endArray()
        writer.key("summary")
        writer.beginObject()
        for (key, verdict) in [("passed", .pass), ("failed", .fail), ("skipped", .skip)]
            as [(String, CheckResult.Verdict)]
        {
            writer.key(key)
            writer.integer(count(verdict))
        }
        writer.endObject()
        writer.endObject()
        return writer.text
    }
}

extension CheckResult {
    /// The adapter has ended or stopped the process that the check ran in.
    var isEndOfProcess: Bool {
        ["crashed with", "exited with", "did not return", "used more processor time"].contains(where: detail.hasPrefix)
    }
}

extension String {
    /// Without control characters.
    var inOneLine: String {
        String(String.UnicodeScalarView(unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }

    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
