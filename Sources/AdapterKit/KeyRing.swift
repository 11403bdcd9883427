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

    /// The server has answered with `status` to a request with this key.
    /// - Parameters:
    ///   - tried: the keys that the same exchange has tried, this one too.
    ///   - retryAfterMilliseconds: as the server said; 0: it did not.
    /// - Returns: the key to try the same request with at once; nil: the answer stands.
    func next(
        after key: Int, tried: Set<Int>, status: UInt32, retryAfterMilliseconds: UInt32
    ) -> Int? {
        guard count > 1, let rest = Self.rest(status, retryAfterMilliseconds) else { return nil }
        let now = now()
        return ring.withLock { ring in
            ring.setAside(key, milliseconds: rest, now: now)
            return ring.next(tried: tried, now: now)
        }
    }

    /// How long a key rests after such an answer; nil: the answer says nothing about the key.
    private static func rest(_ status: UInt32, _ retryAfterMilliseconds: UInt32) -> UInt64? {
        switch status {
        case 401, 403: KeyRing.refusedMilliseconds
        case 429: retryAfterMilliseconds > 0 ? UInt64(retryAfterMilliseconds) : KeyRing.exhaustedMilliseconds
        default: nil
        }
    }
}
