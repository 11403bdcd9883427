import Core
import NIOCore
import Testing

@testable import AdapterHost

@Suite struct ErrorBodyRestTests {
    private let now = NIODeadline.uptimeNanoseconds(1)

    @Test(arguments: [200, 204, 299]) func aGoodAnswerHasNoBound(status: Int) {
        #expect(ErrorBodyRest(status: status, now: now) == nil)
    }

    @Test(arguments: [300, 404, 500]) func anErrorAnswerHasASecond(status: Int) {
        #expect(ErrorBodyRest(status: status, now: now)?.end == now + .seconds(1))
    }

    @Test func whatIsBeyondTheBytesIsLeftOut() throws {
        var rest = try #require(ErrorBodyRest(status: 500, now: now))

        #expect(rest.take(ByteBuffer(repeating: 1, count: 60_000)).readableBytes == 60_000)
        #expect(!rest.isOver)
        #expect(rest.take(ByteBuffer(repeating: 1, count: 60_000)).readableBytes == ErrorBodyLimits.bytes - 60_000)
        #expect(rest.isOver)
        #expect(rest.take(ByteBuffer(repeating: 1, count: 1)).readableBytes == 0)
    }
}
