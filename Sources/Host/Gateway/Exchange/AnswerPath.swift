import Core
import Dialects
import NIOCore

/// What an attempt's answer goes through on its way to the client: nothing, or a translation. One for each attempt.
struct AnswerPath {
    /// Bytes of a whole answer that is to be translated.
    private static let limit = 64 * 1024 * 1024

    private var translation: (any AnswerTranslation)?
    private let stream: Bool
    private var collected = ByteBuffer()

    init(_ translation: (any AnswerTranslation)?, stream: Bool) {
        self.translation = translation
        self.stream = stream
    }

    var isTranslated: Bool { translation != nil }

    /// Bytes that are kept until the answer is whole.
    var waiting: Int { collected.readableBytes }

    /// Bytes of a whole answer that is translated on the event loop.
    private static let inlineLimit = 64 * 1024

    /// The end of an answer that is too large to be translated on the event loop: to be called once, on any thread, instead
    /// of `end`. Nil if it is not.
    mutating func takeLargeEnd() -> (size: Int, make: @Sendable () -> Result<ByteBuffer, AnswerProblem>)? {
        guard !stream, let translation, collected.readableBytes > Self.inlineLimit else { return nil }
        let collected = collected
        self.translation = nil
        self.collected = ByteBuffer()
        return (
            collected.readableBytes,
            {
                var translation = translation
                return Result { () throws(AnswerProblem) in
                    try Self.run(collected) { (bytes) throws(AnswerProblem) in try translation.whole(bytes) }
                }
            }
        )
    }

    /// What of a piece can be sent now; empty while there is nothing.
    mutating func piece(_ bytes: ByteBuffer) throws(AnswerProblem) -> ByteBuffer {
        guard var translation else { return bytes }
        guard stream else {
            guard collected.readableBytes + bytes.readableBytes <= Self.limit else {
                throw AnswerProblem("the answer has more than \(Self.limit) bytes")
            }
            collected.writeImmutableBuffer(bytes)
            return ByteBuffer()
        }
        // The only reference while it works, so that it changes in place.
        self.translation = nil
        let result = try Self.run(bytes) { (bytes) throws(AnswerProblem) in try translation.piece(bytes) }
        self.translation = translation
        return result
    }

    /// What is left at the end of an answer that ended well.
    mutating func end() throws(AnswerProblem) -> ByteBuffer {
        guard var translation else { return ByteBuffer() }
        self.translation = nil
        if stream { return ByteBuffer(bytes: try translation.end()) }
        return try Self.run(collected) { (bytes) throws(AnswerProblem) in try translation.whole(bytes) }
    }

    private static func run(
        _ buffer: ByteBuffer, _ body: (UnsafeRawBufferPointer) throws(AnswerProblem) -> [UInt8]
    ) throws(AnswerProblem) -> ByteBuffer {
        let result = buffer.withUnsafeReadableBytes { bytes in
            Result { () throws(AnswerProblem) in try body(bytes) }
        }
        return ByteBuffer(bytes: try result.get())
    }
}
