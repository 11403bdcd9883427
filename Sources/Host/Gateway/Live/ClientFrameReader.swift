import NIOCore

/// Reads what a client of a WebSocket sends (RFC 6455, section 5), cut anywhere, and refuses what the protocol forbids as soon
/// as its first byte shows it. Messages mean nothing here and are passed over, once a text is seen to be UTF-8; control frames are
/// given. Pure.
struct ClientFrameReader {
    /// Bytes of one frame; a page has nothing to tell.
    static let maximumFrame = 16 * 1024

    /// What a frame carried, still under its mask: of a flood of pings only one is answered, so only one is unmasked.
    struct Masked: Equatable {
        let bytes: ByteBuffer
        let key: UInt32

        /// Section 5.3.
        var unmasked: ByteBuffer {
            var result = ByteBuffer()
            for (index, byte) in bytes.readableBytesView.enumerated() {
                result.writeInteger(byte ^ UInt8(truncatingIfNeeded: key >> UInt32(24 - index % 4 * 8)))
            }
            return result
        }
    }

    enum Frame: Equatable {
        case ping(Masked)
        case pong
        /// The code is nil where the client gave none.
        case close(code: UInt16?)
    }

    /// The connection must fail with this close code (section 7.4.1).
    struct Breach: Error, Equatable {
        let code: UInt16

        static let protocolError = Breach(code: 1002)
        static let notUTF8 = Breach(code: 1007)
        static let tooBig = Breach(code: 1009)
    }

    private enum Opcode: UInt8 {
        case continuation = 0x0
        case text = 0x1
        case binary = 0x2
        case close = 0x8
        case ping = 0x9
        case pong = 0xA

        var isControl: Bool { rawValue >= 0x8 }
    }

    private enum Phase {
        case start
        case length
        /// Bytes of the length that are still to come, and what of it is known; the least it may be.
        case longLength(left: Int, value: UInt64, least: UInt64)
        case mask(left: Int, key: UInt32)
        case payload(left: Int)
    }

    private var phase = Phase.start
    private var opcode = Opcode.text
    private var length: UInt64 = 0
    private var key: UInt32 = 0
    /// A message has begun and is not complete.
    private var isInMessage = false
    /// Of the message under way, if it is a text.
    private var text: UTF8Check?
    /// Of a control frame, as it came.
    private var payload = ByteBuffer()

    /// The next control frame; nil: more bytes are needed. Consumes what was read.
    mutating func next(_ bytes: inout ByteBuffer) throws(Breach) -> Frame? {
        while true {
            if case .payload(let left) = phase {
                guard left == 0 || bytes.readableBytes > 0 else { return nil }
                if let frame = try takePayload(&bytes, left) { return frame }
                continue
            }
            guard let byte = bytes.readInteger(as: UInt8.self) else { return nil }
            switch phase {
            case .start: try start(byte)
            case .length: try takeLength(byte)
            case .longLength(let left, let value, let least):
                let value = value << 8 | UInt64(byte)
                guard left == 1 else {
                    phase = .longLength(left: left - 1, value: value, least: least)
                    continue
                }
                guard value >= least, value >> 63 == 0 else { throw .protocolError }
                try begin(value)
            case .mask(let left, let key):
                self.key = key << 8 | UInt32(byte)
                phase = left == 1 ? .payload(left: Int(length)) : .mask(left: left - 1, key: self.key)
            case .payload: break
            }
        }
    }

    private mutating func start(_ byte: UInt8) throws(Breach) {
        let isFinal = byte & 0x80 != 0
        // No extension was agreed on, so no reserved bit may be set.
        guard byte & 0x70 == 0, let opcode = Opcode(rawValue: byte & 0x0F) else { throw .protocolError }
        switch opcode {
        case .close, .ping, .pong: guard isFinal else { throw .protocolError }
        case .continuation:
            guard isInMessage else { throw .protocolError }
            isInMessage = !isFinal
        case .text, .binary:
            guard !isInMessage else { throw .protocolError }
            isInMessage = !isFinal
            text = opcode == .text ? UTF8Check() : nil
        }
        self.opcode = opcode
        phase = .length
    }

    private mutating func takeLength(_ byte: UInt8) throws(Breach) {
        // A client masks every frame (section 5.1).
        guard byte & 0x80 != 0 else { throw .protocolError }
        let short = byte & 0x7F
        guard short < 126 || !opcode.isControl else { throw .protocolError }
        switch short {
        case 126: phase = .longLength(left: 2, value: 0, least: 126)
        case 127: phase = .longLength(left: 8, value: 0, least: 65536)
        default: try begin(UInt64(short))
        }
    }

    private mutating func begin(_ length: UInt64) throws(Breach) {
        guard length <= UInt64(Self.maximumFrame) else { throw .tooBig }
        self.length = length
        payload = ByteBuffer()
        phase = .mask(left: 4, key: 0)
    }

    private mutating func takePayload(_ bytes: inout ByteBuffer, _ left: Int) throws(Breach) -> Frame? {
        let count = min(left, bytes.readableBytes)
        if !opcode.isControl {
            if text != nil { try checkText(bytes.readableBytesView.prefix(count), from: Int(length) - left) }
            bytes.moveReaderIndex(forwardBy: count)
        } else if var part = bytes.readSlice(length: count) {
            // A control frame that came whole, as nearly all do, is not copied.
            if payload.readableBytes == 0 { payload = part } else { payload.writeBuffer(&part) }
        }
        phase = .payload(left: left - count)
        guard left == count else { return nil }
        phase = .start
        switch opcode {
        case .ping: return .ping(Masked(bytes: payload, key: key))
        case .pong: return .pong
        case .close: return .close(code: try closeCode())
        case .continuation, .text, .binary:
            // The text ends with its last frame, and so must its last character.
            guard isInMessage || text?.isWhole != false else { throw .notUTF8 }
            return nil
        }
    }

    /// A text that is none must not be passed over (section 8.1).
    /// - Parameter place: of the first byte in its frame, which says how it is masked.
    private mutating func checkText(_ bytes: ByteBufferView, from place: Int) throws(Breach) {
        guard var check = text else { return }
        let (key, mark) = (key, place % 4)
        let isText = bytes.withUnsafeBytes { bytes in
            for (index, byte) in bytes.enumerated() {
                let mask = UInt8(truncatingIfNeeded: key >> UInt32(24 - (mark + index) % 4 * 8))
                guard check.take(byte ^ mask) else { return false }
            }
            return true
        }
        text = check
        guard isText else { throw .notUTF8 }
    }

    private func closeCode() throws(Breach) -> UInt16? {
        var payload = Masked(bytes: payload, key: key).unmasked
        guard payload.readableBytes > 0 else { return nil }
        guard let code = payload.readInteger(as: UInt16.self), Self.maySend(code) else { throw .protocolError }
        guard String(validating: payload.readableBytesView, as: UTF8.self) != nil else { throw .notUTF8 }
        return code
    }

    /// Codes that may stand in a close frame: those that are defined for that, and those of libraries and applications
    /// (section 7.4.2, and IANA's registry of close codes).
    static func maySend(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
