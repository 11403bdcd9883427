import Compression
import HTTP1
import NIOCore

/// Takes off the codings that a server has put around an answer's body, though it is asked not to: piece by piece, so that nothing
/// of a stream is held back, and no more at once than an event loop may do. Pure.
struct AnswerDecoding {
    enum Limits {
        /// Bytes that are given at once, and in one turn of the loop.
        static let piece = 64 * 1024
        static let turn = 256 * 1024
        /// A body that comes to more than this, and to more than so many times what was sent, is a bomb: texts do not shrink so.
        static let free = 64 * 1024 * 1024
        static let ratio = 250
    }

    private let decoder: ContentDecoder
    /// What has come and was not decoded yet.
    private var encoded = ByteBuffer()
    private var (read, written) = (0, 0)
    /// The piece before filled all its room.
    private var isMore = false

    init(_ codings: [ContentCoding]) { decoder = ContentDecoder(codings, limit: Limits.free) }

    /// Bytes that the last piece has cost between two codings.
    var worked: Int { decoder.worked }

    /// Nothing that has come waits.
    var isDrained: Bool { encoded.readableBytes == 0 && decoder.isDrained }

    mutating func add(_ bytes: ByteBuffer) {
        if encoded.readableBytes == 0 { encoded = bytes } else { encoded.writeImmutableBuffer(bytes) }
    }

    /// The next piece; empty if there is none now. Throws what is wrong with the body, in words.
    mutating func next() throws(UnreadableAnswer) -> ByteBuffer {
        var piece = ByteBuffer()
        guard !isDrained else { return piece }
        var problem: DecodingProblem?
        var taken = 0
        encoded.withUnsafeReadableBytes { input in
            // What comes out is of about the same size in a stream.
            let room = isMore ? Limits.piece : min(Limits.piece, max(1024, input.count * 4))
            _ = piece.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { out in
                do throws(DecodingProblem) {
                    let done = try decoder.decode(
                        UnsafeRawBufferPointer(rebasing: input.prefix(Limits.piece)), into: out)
                    taken = done.read
                    isMore = done.written == out.count
                    return done.written
                } catch {
                    problem = error
                    return 0
                }
            }
        }
        if let problem { throw UnreadableAnswer(problem.message) }
        encoded.moveReaderIndex(forwardBy: taken)
        read += taken
        written += piece.readableBytes
        guard written <= Limits.free || written / Limits.ratio <= read else {
            throw UnreadableAnswer("comes to more than \(Limits.ratio) times what was sent")
        }
        return piece
    }

    func finish() throws(UnreadableAnswer) {
        do throws(DecodingProblem) { try decoder.finish() } catch { throw UnreadableAnswer(error.message) }
    }
}

/// A server's answer whose coding cannot be taken off.
struct UnreadableAnswer: Error, Equatable {
    /// What follows "its answer", in words.
    let message: String

    init(_ message: String) { self.message = message }

    init(_ refusal: ContentCoding.Refusal) {
        let asked = "though it was asked not to compress"
        switch refusal {
        case .unknown(let name):
            message = "has the Content-Encoding '\(name)', which is not understood here, \(asked)"
        case .tooMany: message = "has more than \(ContentCoding.maximum) codings around it, \(asked)"
        }
    }
}

extension ResponseHead {
    /// The codings around the body, in the order in which they were applied. For heads that have some.
    func codings(_ bytes: ByteBuffer) throws(ContentCoding.Refusal) -> [ContentCoding] {
        let list = fields.filter { Self.isNamed($0, "content-encoding", bytes) }.map { field in
            bytes.getString(at: bytes.readerIndex + field.value.lowerBound, length: field.value.count) ?? ""
        }
        return try ContentCoding.list(list.joined(separator: ","))
    }

    /// The head of the same answer without the codings: how long it is then is not known.
    func decoded(_ bytes: ByteBuffer) -> ResponseHead {
        var head = self
        head.hasContentEncoding = false
        head.fields.removeAll {
            Self.isNamed($0, "content-encoding", bytes) || Self.isNamed($0, "content-length", bytes)
        }
        return head
    }

    /// The body is text, which a byte order mark may begin: no sound, image or film, and no octets. What is not said is assumed
    /// to be.
    func isText(_ bytes: ByteBuffer) -> Bool {
        guard let contentType, contentType.count > 1 else { return true }
        return bytes.withUnsafeReadableBytes { bytes in
            let type = UnsafeRawBufferPointer(rebasing: bytes[contentType])
            switch (type[0] | 0x20, type[1] | 0x20) {
            case (UInt8(ascii: "a"), UInt8(ascii: "u")), (UInt8(ascii: "i"), UInt8(ascii: "m")),
                (UInt8(ascii: "v"), UInt8(ascii: "i")):
                return false
            case (UInt8(ascii: "a"), UInt8(ascii: "p")):
                // "application/octet-stream"
                return type.count < 24 || type[12] | 0x20 != UInt8(ascii: "o") || type[13] | 0x20 != UInt8(ascii: "c")
            default: return true
            }
        }
    }

    private static func isNamed(_ field: FieldSpan, _ name: String, _ bytes: ByteBuffer) -> Bool {
        bytes.getString(at: bytes.readerIndex + field.name.lowerBound, length: field.name.count)?.lowercased() == name
    }
}
