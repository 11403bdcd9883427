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

    /// One line, without control characters.
    public var line: String {
        let word = verdict == .fail ? "FAIL" : verdict.rawValue
        let text = "\(word)  \(id.padded(to: 30))  \(requirement) / \(detail)"
        return String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
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

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
