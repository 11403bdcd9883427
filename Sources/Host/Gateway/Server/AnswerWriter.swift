import Core
import HTTP1
import NIOCore

/// Writes the heads of answers.
struct AnswerWriter {
    /// What every answer to one request carries.
    struct Common {
        var requestID: String
        /// Of HTTP/1.1; an older client gets neither chunks nor a kept connection unless it asks.
        var isModern: Bool
        var keepAlive: Bool
        var crossOrigin = CrossOrigin.untold
    }

    private(set) var bytes: ByteBuffer
    private let common: Common

    init(status: Int, common: Common, bodyCapacity: Int) {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(384 + bodyCapacity)
        if status == 200 {
            bytes.writeStaticString("HTTP/1.1 200 OK\r\nx-request-id: ")
        } else {
            bytes.writeStaticString("HTTP/1.1 ")
            bytes.writeString(String(status))
            bytes.writeStaticString(" ")
            bytes.writeStaticString(HeadWriter.reason(status))
            bytes.writeStaticString("\r\nx-request-id: ")
        }
        bytes.writeString(common.requestID)
        switch common.crossOrigin {
        case .untold: break
        case .varies: bytes.writeStaticString("\r\nvary: Origin")
        case .granted(let origin):
            bytes.writeStaticString("\r\nvary: Origin\r\naccess-control-expose-headers: *")
            bytes.writeStaticString("\r\naccess-control-allow-origin: ")
            bytes.writeString(origin)
        }
        self.bytes = bytes
        self.common = common
    }

    mutating func field(_ name: StaticString, _ value: String) {
        name.withUTF8Buffer { name in
            var value = value
            value.withUTF8 { bytes.writeField(UnsafeRawBufferPointer(name), UnsafeRawBufferPointer($0)) }
        }
    }

    /// - Parameter name: valid in HTTP, as the value is.
    mutating func field(_ name: String, _ value: String) {
        var (name, value) = (name, value)
        name.withUTF8 { name in
            value.withUTF8 { bytes.writeField(UnsafeRawBufferPointer(name), UnsafeRawBufferPointer($0)) }
        }
    }

    mutating func field(_ name: StaticString, _ value: Int) { field(name, String(value)) }

    /// - Parameter origin: may have the type in the server's words, and a field of its own that concerns buffering.
    mutating func contentType(_ type: AnswerType, of origin: AnswerOrigin? = nil) {
        if let exact = origin?.contentType {
            field("content-type", exact)
        } else {
            switch type {
            case .json: bytes.writeStaticString("\r\ncontent-type: application/json")
            // Without its charset, clients that go by the type take text for ISO 8859-1.
            case .eventStream: bytes.writeStaticString("\r\ncontent-type: text/event-stream; charset=utf-8")
            case .jsonLines: bytes.writeStaticString("\r\ncontent-type: application/x-ndjson; charset=utf-8")
            case .other(let text): field("content-type", text)
            }
        }
        guard type == .eventStream || type == .jsonLines else { return }
        bytes.writeStaticString("\r\ncache-control: no-cache")
        // A proxy before the gateway must not hold pieces back.
        if origin?.fields.contains(where: { $0.name == "x-accel-buffering" }) != true {
            bytes.writeStaticString("\r\nx-accel-buffering: no")
        }
    }

    /// Ends the head of an answer whose body has `length` bytes.
    mutating func endHead(length: Int) {
        field("content-length", length)
        endConnection()
    }

    /// Ends the head of an answer that has no body by its status (RFC 9110, section 8.6).
    mutating func endHeadWithoutBody() { endConnection() }

    /// Ends the head of an answer that comes in pieces. True if they are to be sent as chunks.
    mutating func endHeadOfPieces() -> Bool {
        if common.isModern { bytes.writeStaticString("\r\ntransfer-encoding: chunked") }
        endConnection()
        return common.isModern
    }

    private mutating func endConnection() {
        if !common.keepAlive {
            bytes.writeStaticString("\r\nconnection: close\r\n\r\n")
        } else if common.isModern {
            bytes.writeStaticString("\r\n\r\n")
        } else {
            bytes.writeStaticString("\r\nconnection: keep-alive\r\n\r\n")
        }
    }

    mutating func body(_ content: some Sequence<UInt8>) { bytes.writeBytes(content) }
    mutating func body(_ content: inout ByteBuffer) { bytes.writeBuffer(&content) }

    /// One chunk of the chunked coding (RFC 9112, section 7.1) around `content`.
    static func chunk(_ content: inout ByteBuffer, into bytes: inout ByteBuffer) {
        let count = content.readableBytes
        var shift = (Int.bitWidth - max(1, count).leadingZeroBitCount + 3) / 4 * 4
        while shift > 0 {
            shift -= 4
            let digit = UInt8(truncatingIfNeeded: (count >> shift) & 0xF)
            bytes.writeInteger(digit < 10 ? digit + 0x30 : digit + 0x57)
        }
        bytes.writeStaticString("\r\n")
        bytes.writeBuffer(&content)
        bytes.writeStaticString("\r\n")
    }
}
