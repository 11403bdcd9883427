import Compression
import Core
import NIOCore

/// A request's body whose codings are taken off, within the limit for what comes out. Invariant behind the unchecked Sendable: it
/// is used by one thread at a time; the event loop hands it to another thread and gets it back with the end.
final class BodyDecoding: @unchecked Sendable {
    enum Limits {
        /// Bytes of a body that is decoded on the event loop, and of what comes of it there: some 1 ms of work. The rest is done
        /// elsewhere.
        static let inlineInput = 32 * 1024
        static let inlineOutput = 256 * 1024
        /// Bytes that are decoded at once.
        static let slice = 64 * 1024
    }

    private let decoder: ContentDecoder
    private var encoded: ByteBuffer
    private let limit: BodyLimit
    /// Of what has come out.
    private var memory: MemoryShare
    private(set) var decoded = ByteBuffer()

    /// - Parameter limit: of what comes out.
    init(_ codings: [ContentCoding], _ encoded: ByteBuffer, limit: BodyLimit, memory: MemoryBudget) {
        // What lies between two codings may be a little more than the body itself.
        decoder = ContentDecoder(codings, limit: limit.bytes + limit.bytes / 8 + 1024)
        self.encoded = encoded
        self.limit = limit
        self.memory = MemoryShare(of: memory)
    }

    /// Bytes that are to be worked on, for those who bound the work of all.
    var size: Int { min(limit.bytes, encoded.readableBytes * 8) }

    /// As much as an event loop may do. True: that was all.
    func runInline() throws(ErrorBody) -> Bool {
        guard encoded.readableBytes <= Limits.inlineInput else { return false }
        let isWhole = try run(room: Limits.inlineOutput)
        if isWhole { _ = memory.set(0) }
        return isWhole
    }

    /// Decodes the rest. On any thread.
    func finish() throws(ErrorBody) -> ByteBuffer {
        _ = try run(room: .max)
        // From here on it counts where the request does.
        _ = memory.set(0)
        return decoded
    }

    /// True: all is decoded.
    private func run(room: Int) throws(ErrorBody) -> Bool {
        var done = 0
        while done < room {
            if encoded.readableBytes == 0, decoder.isDrained {
                if case .failure(let problem) = Result(catching: decoder.finish) { throw ErrorBody(problem) }
                return true
            }
            let before = decoded.readableBytes
            try decodeSlice()
            done += max(1024, decoder.worked, decoded.readableBytes - before)
        }
        return false
    }

    private func decodeSlice() throws(ErrorBody) {
        let decoder = decoder
        // One byte more than may come shows that more does.
        let room = min(Limits.slice, limit.bytes - decoded.readableBytes + 1)
        var problem: DecodingProblem?
        var read = 0
        encoded.withUnsafeReadableBytes { input in
            _ = decoded.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { out in
                do throws(DecodingProblem) {
                    let part = UnsafeRawBufferPointer(rebasing: input.prefix(Limits.slice))
                    let done = try decoder.decode(part, into: UnsafeMutableRawBufferPointer(rebasing: out[..<room]))
                    read = done.read
                    return done.written
                } catch {
                    problem = error
                    return 0
                }
            }
        }
        if let problem { throw problem == .tooLarge ? limit.error : ErrorBody(problem) }
        encoded.moveReaderIndex(forwardBy: read)
        guard decoded.readableBytes <= limit.bytes else { throw limit.error }
        guard memory.set(decoded.readableBytes) else { throw .outOfMemory }
    }
}

extension ErrorBody {
    init(_ problem: DecodingProblem) {
        self.init(status: 400, message: "The request body \(problem.message).", code: "malformed_content_encoding")
    }

    init(_ refusal: ContentCoding.Refusal) {
        let known = ContentCoding.knownNames
        let message =
            switch refusal {
            case .unknown(let name): "The Content-Encoding '\(name)' is not understood here; known are: \(known)."
            case .tooMany:
                "The request body has more than \(ContentCoding.maximum) codings around it (Content-Encoding); known are: "
                    + "\(known)."
            }
        self.init(status: 415, message: message, code: "unsupported_content_encoding")
        acceptEncoding = known
    }
}
