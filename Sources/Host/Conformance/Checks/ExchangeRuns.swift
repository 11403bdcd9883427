import JSON
import PluginAPI

/// What the checks of exchanges share.
extension Check {
    static func requireFinished(_ task: ScriptedTask, _ name: String) throws {
        try require(task.isFinished, "\(name): it \(task.outcome)")
    }

    static func requireText(
        _ bench: Bench, _ task: ScriptedTask, _ text: String, _ kind: (name: String, bit: UInt32)
    ) throws {
        guard let expected = bench.server.text, !task.sent.isEmpty, kind.bit != NEXUS_KIND_EMBEDDINGS else { return }
        try require(
            text == expected,
            "\(kind.name): the text is \(Answer.excerpt(Array(text.utf8))) instead of "
                + Answer.excerpt(Array(expected.utf8)))
    }

    static func words(_ count: UInt64?) -> String { count.map { String($0) } ?? "unknown" }

    /// Ids and times may be each answer's own.
    static func same(_ task: ScriptedTask, _ other: ScriptedTask) -> Bool {
        if task.written == other.written { return true }
        guard let one = try? values(task), let two = try? values(other), one.count == two.count else { return false }
        return zip(one, two).allSatisfy { $0.withoutIdentity == $1.withoutIdentity }
    }

    static func values(_ task: ScriptedTask) throws -> [JSONValue] {
        if let object = try? Answer.object(task) { return [object] }
        return try Answer.events(task)
    }

    static func difference(_ task: ScriptedTask, _ whole: ScriptedTask) -> String {
        guard task.isFinished else { return "it \(task.outcome)" }
        if task.usage != whole.usage { return "the usage differs" }
        let place = zip(task.written, whole.written).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        let start = max(0, (place ?? min(task.written.count, whole.written.count)) - 20)
        return "\(Answer.excerpt(Array(task.written.dropFirst(start)))) instead of "
            + Answer.excerpt(Array(whole.written.dropFirst(start)))
    }

    /// One exchange of each sort, with servers that are well and that are not.
    @discardableResult
    static func runAll(_ bench: Bench, key: String = "") throws -> [(name: String, task: ScriptedTask)] {
        var tasks: [(name: String, task: ScriptedTask)] = []
        for kind in try bench.kinds() {
            for stream in [false, true] where !stream || kind.bit != NEXUS_KIND_EMBEDDINGS {
                for fault in [.none, .status(500), .closes(600), .nonsense, .errorInside, .refused, .silent] as [Fault]
                {
                    let ask = bench.ask(kind.bit, stream: stream)
                    let task = try bench.exchange(ask, Variation(fault: fault, onGenerationOnly: true), key: key)
                    tasks.append(("\(kind.name), \(stream ? "stream" : "unary"), server \(fault)", task))
                }
            }
        }
        return tasks
    }
}

extension JSONValue {
    fileprivate var withoutIdentity: JSONValue {
        guard var object else { return self }
        object["id"] = nil
        object["created"] = nil
        return .object(object)
    }
}
