import Synchronization

/// How many exchanges ended with which status, by the API in whose words their clients spoke. Since the start of the program alone. A
/// sink of the ledger; callable from any thread.
public final class ResponseFigures: LedgerSink {
    public struct Count: Sendable, Equatable {
        public var api: String
        /// A status that is known, or the class of another one, such as "5xx".
        public var code: String
        public var count: UInt64
    }

    static let apis = ["openai", "anthropic", "ollama"]
    /// A server may answer with whatever number it likes: only these are told apart.
    static let codes = [
        200, 400, 401, 402, 403, 404, 405, 408, 409, 411, 413, 414, 415, 421, 422, 426, 429, 431, 499, 500, 501, 502,
        503,
        504, 529,
    ]
    private static let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"]
    private static let width = codes.count + classes.count

    private let counts = Mutex([UInt64](repeating: 0, count: apis.count * width))

    public init() {}

    public func take(_ entries: [HistoryEntry]) {
        counts.withLock { counts in
            for entry in entries {
                let api = Self.apis.firstIndex(of: entry.api) ?? 0
                counts[api * Self.width + Self.place(of: entry.statusCode)] &+= 1
            }
        }
    }

    private static func place(of code: Int) -> Int {
        // By far the most.
        if code == 200 { return 0 }
        return codes.firstIndex(of: code) ?? codes.count + min(max(1, code / 100), classes.count) - 1
    }

    /// Those that have occurred, in order.
    public var all: [Count] {
        let counts = counts.withLock { $0 }
        return counts.indices.filter { counts[$0] > 0 }.map { index in
            let (api, place) = index.quotientAndRemainder(dividingBy: Self.width)
            let code = place < Self.codes.count ? "\(Self.codes[place])" : Self.classes[place - Self.codes.count]
            return Count(api: Self.apis[api], code: code, count: counts[index])
        }
    }
}
