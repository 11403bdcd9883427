import Synchronization

/// Names of backends by ordinal, for messages about calls that carry no more than that. On any thread.
enum BackendNames {
    struct Entry: Sendable {
        var adapter: String
        var backend: String
        var registryID: String
    }

    private static let entries = Mutex<[Int: Entry]>([:])

    static func set(_ ordinal: Int, _ entry: Entry) { entries.withLock { $0[ordinal] = entry } }

    static func remove(_ ordinal: Int) { entries.withLock { $0[ordinal] = nil } }

    static func entry(_ ordinal: Int) -> Entry? { entries.withLock { $0[ordinal] } }

    static func name(of ordinal: Int) -> String? { entry(ordinal)?.backend }
}
