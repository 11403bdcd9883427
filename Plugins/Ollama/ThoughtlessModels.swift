import Synchronization

/// The models of which the server told capabilities, and thinking is none of them: Ollama refuses a request that asks
/// them to think. From any event loop.
final class ThoughtlessModels: Sendable {
    private let names = Mutex<Set<String>>([])

    func contains(_ model: String) -> Bool { names.withLock { $0.contains(Self.full(model)) } }

    /// - Parameter models: the server's whole list.
    func learn(from models: [ListedModel]) {
        let found = Set(models.filter { $0.thinks == false }.map { Self.full($0.name) })
        names.withLock { $0 = found }
    }

    /// A name without a tag means the tag "latest".
    private static func full(_ name: String) -> String {
        let last = name.split(separator: "/").last ?? ""
        return last.contains(":") ? name : name + ":latest"
    }
}
