import PluginAPI
import Synchronization

/// Which of several API keys is used: one of them until the server refuses it or has enough of it, then the next. Knows no
/// clock: `now` is given, in milliseconds of any clock that only runs forward.
struct KeyRing: Equatable, Sendable {
    /// How long a key rests that the server refuses (401, 403).
    static let refusedMilliseconds: UInt64 = 10 * 60 * 1000
    /// How long a key rests that was used too much (429), if the server did not say.
    static let exhaustedMilliseconds: UInt64 = 30 * 1000

    /// When each key may be used again.
    private var freeAt: [UInt64]
    private var current = 0

    init(count: Int) { freeAt = Array(repeating: 0, count: max(1, count)) }

    /// The key to use: the one in use, else the next that does not rest, else the one that rests least.
    mutating func key(now: UInt64) -> Int {
        if freeAt[current] > now { current = next(tried: [], now: now) ?? leastBad }
        return current
    }

    /// A key that does not rest, for an exchange that has `tried` others; looked for from the one in use. Nil: none is left.
    func next(tried: Set<Int>, now: UInt64) -> Int? {
        (0..<freeAt.count).map { (current + $0) % freeAt.count }.first { freeAt[$0] <= now && !tried.contains($0) }
    }

    /// Lets a key rest for this long.
    mutating func setAside(_ key: Int, milliseconds: UInt64, now: UInt64) {
        guard freeAt.indices.contains(key) else { return }
        freeAt[key] = now + milliseconds
    }

    private var leastBad: Int { freeAt.indices.min { freeAt[$0] < freeAt[$1] } ?? 0 }
}

/// The keys of one backend, for all its exchanges at once. Holds no key: only which one, by its place in the configuration.
/// From any thread.
final class SharedKeys: Sendable {
    /// At least one: a backend without a key has one that is empty.
    let count: Int
    private let ring: Mutex<KeyRing>
    private let now: @Sendable () -> UInt64

    /// - Parameter now: milliseconds of a clock that only runs forward.
    init(count: Int, now: @escaping @Sendable () -> UInt64 = { AdapterClock.milliseconds() }) {
        self.count = max(1, count)
        self.now = now
        ring = Mutex(KeyRing(count: count))
    }

    /// The place of the key to use. Costs nothing when there is only one.
    func current() -> Int {
        guard count > 1 else { return 0 }
        let now = now()
        return ring.withLock { $0.key(now: now) }
    }

    /// The server has answered to a request with this key.
    /// - Parameters:
    ///   - tried: the keys that the same exchange has tried, this one too.
    ///   - answer: what that says of the key; nil: nothing.
    /// - Returns: the key to try the same request with at once; nil: the answer stands.
    func next(after key: Int, tried: Set<Int>, answer: KeyAnswer?) -> Int? {
        guard count > 1, let answer else { return nil }
        let now = now()
        return ring.withLock { ring in
            if let rest = answer.rest { ring.setAside(key, milliseconds: rest, now: now) }
            return ring.next(tried: tried, now: now)
        }
    }
}

/// What a server's answer says of the key that was sent with the request.
enum KeyAnswer: Equatable {
    /// The server does not know it, or not any more.
    case refused
    /// It was used too much, or its account has nothing left to pay with; for so many milliseconds.
    case exhausted(UInt64)
    /// Perhaps another one does better: a 403 that does not speak of the key, and whatever is said to a client that chose the
    /// organization or the project by itself. The key is good for others, and does not rest.
    case doubtful

    /// - Parameters:
    ///   - told: what the answer says went wrong.
    ///   - isChosen: the client's own fields act upon the key; see `actsOnKey`.
    /// - Returns: nil: nothing that concerns the key.
    init?(status: UInt32, told: ToldError?, retryAfterMilliseconds: UInt32, isChosen: Bool = false) {
        let meaning = ErrorMeaning(status: Int(status), told ?? ToldError(message: nil))
        guard [401, 403, 429].contains(status) || meaning == .unpaid else { return nil }
        if isChosen {
            self = .doubtful
        } else if status == 429 || meaning == .unpaid {
            self = .exhausted(
                retryAfterMilliseconds > 0 ? UInt64(retryAfterMilliseconds) : KeyRing.exhaustedMilliseconds)
        } else {
            self = meaning == .refusedKey ? .refused : .doubtful
        }
    }

    /// How long the key rests, in milliseconds; nil: not at all.
    var rest: UInt64? {
        switch self {
        case .refused: KeyRing.refusedMilliseconds
        case .exhausted(let milliseconds): milliseconds
        case .doubtful: nil
        }
    }

    /// Whether one of a client's fields chooses for whom the key acts.
    static func actsOnKey(_ fields: [HeaderField]) -> Bool {
        fields.contains { $0.name == "openai-organization" || $0.name == "openai-project" }
    }
}

/// What the two adapters say of a refusal in their own words: servers put the key into theirs.
enum Refusals {
    static func key(_ status: UInt32) -> Failure {
        Failure(
            kind: NEXUS_FAIL_AUTH, status: status,
            message: "the server wants an API key or refuses the one it got (status \(status)); see api_key_env")
    }

    /// An answer that sends the request elsewhere; the host follows GET within the same server by itself.
    /// - Parameter location: where to; nil: the answer does not say.
    static func redirect(_ status: UInt32, _ location: String?) -> String {
        let place = location.map { "to \($0.prefix(300))" } ?? "without a Location"
        return
            "the server redirects \(place) (status \(status)); if that is where it is now, write its new address into url"
    }

    static func isRedirect(_ status: UInt32) -> Bool { [301, 302, 303, 307, 308].contains(status) }
}
