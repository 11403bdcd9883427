/// Watches a whole answer on its way to the client: tells an error inside a success from an answer, finds the token counts, and
/// checks that it is an object from its first byte to its last. The answer is not parsed and goes on as it comes, once its
/// first bytes have shown that it is one.
struct UnaryWatcher {
    /// Bytes kept of the end, where most servers put `usage`; also the most that an error inside a success may have.
    static let keep = 16 * 1024
    /// Bytes kept of the start, where others put it.
    private static let start = 2 * 1024
    private enum Kind { case undecided, answer, error }

    /// Bytes that the server said its answer has; nil if it did not.
    private let length: Int?
    /// The counts, where the whole answer was seen at once and nothing had to be kept.
    private var found: TokenUsage?
    private var kind = Kind.undecided
    private var head: [UInt8] = []
    private var tail: [UInt8] = []
    /// All that came, while it may still be an error.
    private var held: [UInt8] = []
    private var first: UInt8?
    private var last: UInt8?

    init(length: Int? = nil) { self.length = length }

    /// What is to be sent now, before the piece itself; nil: hold both.
    mutating func feed(_ piece: UnsafeRawBufferPointer) -> [UInt8]? {
        note(piece)
        if kind == .undecided, held.isEmpty { kind = Self.kind(of: piece) }
        if kind == .answer { return [] }
        let held = held + piece
        self.held = held
        kind = held.withUnsafeBytes { Self.kind(of: $0) }
        guard kind == .answer || held.count > Self.keep else { return nil }
        kind = .answer
        self.held = []
        return Array(held.dropLast(piece.count))
    }

    private mutating func note(_ piece: UnsafeRawBufferPointer) {
        if first == nil, piece.count == length, piece.count <= Self.keep {
            // Most answers come whole: looked at where they are, nothing is copied.
            found = UsageScan.last(in: piece)
            first = piece.first { !Self.isSpace($0) }
            last = piece.last { !Self.isSpace($0) }
            return
        }
        head.append(contentsOf: piece.prefix(Self.start - head.count))
        if piece.count >= Self.keep {
            tail = Array(piece.suffix(Self.keep))
        } else {
            tail.removeFirst(max(0, tail.count + piece.count - Self.keep))
            tail.append(contentsOf: piece)
        }
        first = first ?? piece.first { !Self.isSpace($0) }
        last = piece.last { !Self.isSpace($0) } ?? last
    }

    /// What was held to the end: an error, or a very short answer.
    var rest: [UInt8] { held }

    var isEmpty: Bool { first == nil }

    /// It starts and ends as an object does, or as a list.
    func isWhole(orList: Bool) -> Bool {
        (first == UInt8(ascii: "{") && last == UInt8(ascii: "}"))
            || (orList && first == UInt8(ascii: "[") && last == UInt8(ascii: "]"))
    }

    var usage: TokenUsage {
        if let found { return found }
        let usage = tail.withUnsafeBytes { UsageScan.last(in: $0) }
        return usage == TokenUsage() ? head.withUnsafeBytes { UsageScan.last(in: $0) } : usage
    }

    private static let marks: [StaticString] = [#"{"error""#, #"{"object":"error""#, #"{"type":"error""#]

    /// An error is an object whose first member is "error", or tells that the object is one. Spaces between do not count.
    private static func kind(of bytes: UnsafeRawBufferPointer) -> Kind {
        var possible: UInt8 = 0b111
        var position = 0
        for byte in bytes where !isSpace(byte) {
            for index in 0..<marks.count where possible & 1 << index != 0 {
                if marks[index].utf8Start[position] != byte {
                    possible &= ~(1 << index)
                } else if position + 1 == marks[index].utf8CodeUnitCount {
                    return .error
                }
            }
            if possible == 0 { return .answer }
            position += 1
        }
        return .undecided
    }

    /// Spaces, and the bytes of a byte order mark.
    private static func isSpace(_ byte: UInt8) -> Bool {
        byte <= 0x20 || byte == 0xEF || byte == 0xBB || byte == 0xBF
    }
}
