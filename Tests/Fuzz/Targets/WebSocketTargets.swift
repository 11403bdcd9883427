import NIOCore

@testable import Gateway

extension FuzzTarget {
    /// What a page sends over its WebSocket.
    static let webSocket = FuzzTarget("websocket") { bytes throws(Broken) in
        let reading = try sameHoweverCut(bytes, "the frames") { FrameReading.run($0) }
        try require(reading.frames.count <= bytes.count / 6 + 1, "more frames than bytes can hold")
        // Bytes as the payload of frames: pings give them back, messages nothing.
        let part = Array(bytes.prefix(125))
        let key: [UInt8] = [bytes.first ?? 1, 2, UInt8(truncatingIfNeeded: bytes.count), 0xFF]
        let masked = part.enumerated().map { $1 ^ key[$0 % 4] }
        let ping = [0x89, 0x80 | UInt8(part.count)] + key + masked
        let message = [0x02, 0x80 | UInt8(part.count)] + key + masked + ping + [0x80, 0x80] + key
        let both = FrameReading.run([(message + ping)[...]])
        try require(both == FrameReading(frames: ["ping \(part)", "ping \(part)"]), "two pings are read as \(both)")
    }
}

struct FrameReading: Equatable {
    var frames: [String] = []
    var breach: ClientFrameReader.Breach?

    static func run(_ pieces: [ArraySlice<UInt8>]) -> FrameReading {
        var reading = FrameReading()
        var reader = ClientFrameReader()
        for piece in pieces where reading.breach == nil {
            var buffer = ByteBuffer(bytes: piece)
            do throws(ClientFrameReader.Breach) {
                while let frame = try reader.next(&buffer) {
                    switch frame {
                    case .ping(let data): reading.frames.append("ping \(Array(data.unmasked.readableBytesView))")
                    case .pong: reading.frames.append("pong")
                    case .close(let code): reading.frames.append("close \(code.map { "\($0)" } ?? "-")")
                    }
                }
            } catch {
                reading.breach = error
            }
        }
        return reading
    }
}
