import PluginAPI

/// Watches a whole answer on its way to the client: checks from its first byte to its last that it is JSON, tells an error
/// inside a success from an answer, wherever in it the error stands, and finds the token counts. The answer goes on as it
/// comes, once its first member has shown that it is one; what shows only later makes it a failure at its end, or at once
/// where no JSON can come of it any more.
final class UnaryWatcher {
    /// Bytes kept of the end, where most servers put `usage`; also the most that an error inside a success may have to be
    /// held back.
    static let keep = 16 * 1024
    /// Bytes kept of the start, where others put it.
    private static let start = 2 * 1024
    /// Bytes kept of an error that stands anywhere in the answer.
    private static let errorLimit = 64 * 1024

    /// Bytes that the server said its answer has; nil if it did not.
    private let length: Int?
    /// The members of which an answer has one; empty: it may have any.
    private let members: JSONScan.Members
    private var scan = JSONScan()
    /// Bytes that came.
    private var count = 0
    /// The counts, where the whole answer was seen at once and nothing had to be kept.
    private var found: TokenUsage?
    /// It goes on as it comes.
    private var isPassed = false
    private var head: [UInt8] = []
    private var tail: [UInt8] = []
    /// All that came, while it may still be an error.
    private var held: [UInt8] = []
    /// What came of the member "error", and where in the answer it starts.
    private var error: [UInt8] = []
    private var errorStart = -1

    init(length: Int? = nil, members: JSONScan.Members = []) {
        self.length = length
        self.members = members
    }

    enum Step {
        /// Send this, and then the piece itself.
        case send([UInt8])
        /// Keep the piece back.
        case hold
        /// The answer is no JSON.
        case broken
    }

    func feed(_ piece: UnsafeRawBufferPointer) -> Step {
        scan.feed(piece)
        note(piece)
        count += piece.count
        if scan.isBroken { return .broken }
        if isPassed { return .send([]) }
        guard scan.isDecided && !scan.mayBeError && hasAnswer || held.count + piece.count > Self.keep else {
            held.append(contentsOf: piece)
            return .hold
        }
        isPassed = true
        defer { held = [] }
        return .send(held)
    }

    private func note(_ piece: UnsafeRawBufferPointer) {
        noteError(piece)
        if count == 0, piece.count == length, piece.count <= Self.keep {
            // Most answers come whole: looked at where they are, nothing is copied.
            found = UsageScan.last(in: piece)
            return
        }
        head.append(contentsOf: piece.prefix(Self.start - head.count))
        if piece.count >= Self.keep {
            tail = Array(piece.suffix(Self.keep))
        } else {
            tail.removeFirst(max(0, tail.count + piece.count - Self.keep))
            tail.append(contentsOf: piece)
        }
    }

    private func noteError(_ piece: UnsafeRawBufferPointer) {
        guard let span = scan.error else { return }
        if span.start != errorStart {
            errorStart = span.start
            error = []
        }
        let start = max(0, span.start - count)
        let end = min(piece.count, (span.end ?? .max) - count)
        if start < end { error.append(contentsOf: piece[start..<end].prefix(Self.errorLimit - error.count)) }
    }

    /// What was held to the end: an error, or a very short answer.
    var rest: [UInt8] { held }

    var isEmpty: Bool { scan.kind == nil }

    /// So far it is an answer, and speaks of no error.
    var isAnswer: Bool { scan.kind == .object && hasAnswer && !scan.mayBeError && !scan.isBroken }

    /// It has a member that makes it an answer: servers and the proxies before them put what went wrong in many ways.
    var hasAnswer: Bool {
        guard scan.kind == .object else { return true }
        return members.isEmpty ? scan.members.contains(.text) : !scan.members.isDisjoint(with: members)
    }

    /// What an object that has none is instead. Nil: an answer of a kind that may have any members.
    var noAnswer: Failure? {
        if hasAnswer { return nil }
        return UpstreamError.insteadOfAnswer(held)
            ?? (members.isEmpty
                ? nil
                : Failure(
                    kind: NEXUS_FAIL_UPSTREAM,
                    message: "the server reported success, and sent no answer of the kind that was asked for"))
    }

    /// One whole JSON text of one of these kinds.
    func isWhole(_ kinds: [JSONScan.Kind]) -> Bool {
        scan.isWhole && scan.kind.map(kinds.contains) == true
    }

    /// What a whole answer says of an error in it; nil: it speaks of none.
    var failure: Failure? {
        guard scan.mayBeError, scan.isWhole else { return nil }
        if !held.isEmpty, let failure = UpstreamError.insideSuccess(held) { return failure }
        if scan.error != nil {
            let told = (try? JSONValue.parse(error)) ?? .string("the server reported an error of many bytes")
            if let failure = UpstreamError.insideSuccess(.object(JSONObject([(name: "error", value: told)]))) {
                return failure
            }
        }
        if scan.isChoiceFailed { return UpstreamError.failedChoice }
        guard scan.isLabelledError else { return nil }
        return (count == tail.count ? UpstreamError.insideSuccess(tail) : nil)
            ?? UpstreamError.insideSuccess(["object": "error"])
    }

    var usage: TokenUsage {
        if let found { return found }
        let usage = tail.withUnsafeBytes { UsageScan.last(in: $0) }
        return usage == TokenUsage() ? head.withUnsafeBytes { UsageScan.last(in: $0) } : usage
    }
}
