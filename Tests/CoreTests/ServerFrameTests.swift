import NIOCore
import Testing

@testable import Core

/// Frames as RFC 6455, section 5.2 has them.
@Suite struct ServerFrameTests {
    @Test(arguments: [
        (0, [0x81, 0] as [UInt8]), (125, [0x81, 125]), (126, [0x81, 126, 0, 126]), (65535, [0x81, 126, 0xFF, 0xFF]),
        (65536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ])
    func theLengthIsWrittenAsShortAsCanBe(count: Int, head: [UInt8]) {
        let bytes = Array(ServerFrame.text([UInt8](repeating: 0x61, count: count)).readableBytesView)
        #expect(bytes.count == head.count + count && Array(bytes.prefix(head.count)) == head)
    }

    @Test func controlFramesHaveTheirCodes() {
        #expect(Array(ServerFrame.control(.ping).readableBytesView) == [0x89, 0])
        #expect(
            Array(ServerFrame.control(.close, ByteBuffer(bytes: [3, 0xE8])).readableBytesView) == [0x88, 2, 3, 0xE8])
    }

    @Test func anUpdateIsEncodedOnceForAll() {
        let update = Update(.models(backendID: "one", models: []))
        #expect(update.frames == update.frames && update.frames.readableBytes > 2)
    }
}
