import NIOCore
import Testing

@testable import Gateway

@Suite struct LingeringTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func whatComesIsThrownAwayForABoundedTime() {
        var lingering = Lingering(now: start)
        var now = start
        var turns = 0
        while lingering.take(1, now: now) {
            #expect(!lingering.isOver(now: now))
            now = now + .seconds(1)
            turns += 1
        }
        #expect(turns == 30 && lingering.isOver(now: now))
    }

    @Test func andForABoundedNumberOfBytes() {
        var lingering = Lingering(now: start)
        let goesOn = [Lingering.Limits.bytes - 1, Int.max].map { lingering.take($0, now: start) }
        #expect(goesOn == [true, false])
    }

    @Test func silenceEndsIt() {
        let lingering = Lingering(now: start)
        #expect(!lingering.isOver(now: start + .seconds(4)))
        #expect(lingering.isOver(now: start + .seconds(5)))
    }
}

@Suite struct WriteStallTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    /// What is said at each of some times, given in seconds.
    private func stalls(_ waiting: [(Int, at: Int64)]) -> [Bool] {
        var stall = WriteStall()
        return waiting.map { stall.isStalled(waiting: $0, now: start + .seconds($1)) }
    }

    @Test func aClientThatTakesNothingIsStalled() {
        #expect(stalls([(100, 0), (150, 119), (150, 120)]) == [false, false, true])
    }

    @Test func aSlowOneIsNot() {
        let slow = (0..<100).map { (10_000_000 - $0 * WriteStall.progress, at: Int64($0) * 119) }
        #expect(!stalls(slow).contains(true))
    }

    @Test func oneThatTakesAByteNowAndThenIsStalledToo() {
        #expect(stalls([(100_000, 0), (99_999, 60), (99_998, 120)]) == [false, false, true])
    }

    @Test func whoHasTakenAllBeginsAnew() {
        #expect(
            stalls([(100, 0), (0, 100), (100, 200), (100, 319), (100, 320)]) == [false, false, false, false, true])
    }
}

@Suite struct ReceiveLimitTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func bytesNowAndThenKeepNoRequestAlive() {
        var limit = ReceiveLimit()
        for second in 0...Int64(60) { limit.take(1, now: start + .seconds(second)) }
        #expect(!limit.isOver(now: start + .seconds(60)))
        #expect(limit.isOver(now: start + .seconds(61)))
    }

    @Test func aLargeBodyMayTakeItsTime() {
        var limit = ReceiveLimit()
        for second in 0..<Int64(1000) {
            limit.take(ReceiveLimit.rate, now: start + .seconds(second))
            #expect(!limit.isOver(now: start + .seconds(second)))
        }
    }

    @Test func silenceEndsItWhateverCameBefore() {
        var limit = ReceiveLimit()
        limit.take(100 * ReceiveLimit.rate, now: start)
        #expect(!limit.isOver(now: start + .seconds(60)) && limit.isOver(now: start + .seconds(61)))
    }

    @Test func whoHasBegunNothingIsNotLate() {
        var limit = ReceiveLimit()
        #expect(!limit.isOver(now: .distantFuture))
        limit.take(1, now: start)
        limit.reset()
        #expect(!limit.isOver(now: .distantFuture))
    }
}

@Suite struct DescriptorLimitsTests {
    @Test(arguments: [0, 1, 64, 128, 256, 1024, 20_000, 1_048_576, 1 << 30])
    func everyLimitLeavesRoomForBackendsAndFiles(_ limit: Int) {
        let limits = DescriptorLimits(limit: limit)
        #expect(limits.clients > 0 && limits.reserve > 0)
        guard limit >= 128 else { return }
        #expect(limits.clients + limits.reserve < limits.sockets)
        #expect(limits.sockets + 48 <= limit)
    }

    @Test func tenThousandClientsFitIntoTwiceAsManyDescriptors() {
        #expect(DescriptorLimits(limit: 20_000).clients >= 10_000)
    }

    @Test func aStrangerMakesRoomBeforeAClientThatHasSpoken() {
        let early = NIODeadline.uptimeNanoseconds(1)
        let late = NIODeadline.uptimeNanoseconds(2)
        #expect(Idleness(.stranger, since: late) < Idleness(.client, since: early))
        #expect(Idleness(.client, since: early) < Idleness(.client, since: late))
        #expect(Idleness(.client, since: late) < Idleness(.halfRequest, since: early))
    }
}

@Suite struct ClosedInputProbeTests {
    private typealias Stage = ClosedInputProbe.Stage

    /// What is sent in so many seconds, asked once a second.
    private func bytes(_ probe: inout ClosedInputProbe, _ stage: Stage, seconds: Int) -> String {
        let sent = (0..<seconds).compactMap { second in
            probe.next(stage, now: .uptimeNanoseconds(1 + UInt64(second) * 1_000_000_000))
        }
        return String(decoding: sent, as: UTF8.self)
    }

    @Test func beforeAnAnswerItsStartIsSentByteByByte() {
        var probe = ClosedInputProbe()
        #expect(bytes(&probe, .beforeHead, seconds: 1) == "H")
        probe = ClosedInputProbe()
        #expect(bytes(&probe, .beforeHead, seconds: 8) == "HTTP")
        probe = ClosedInputProbe()
        #expect(bytes(&probe, .beforeHead, seconds: 10_000) == "HTTP/1.1 " && probe.startSent == 9)
    }

    @Test func withinAnAnswerAFewZerosBeforeEachChunk() {
        var probe = ClosedInputProbe()
        #expect(bytes(&probe, .betweenChunks, seconds: 10_000) == "00000000")
        probe.pieceSent()
        let next = probe.next(.betweenChunks, now: .distantFuture)
        #expect(next == UInt8(ascii: "0"))
    }

    @Test func elsewhereThereIsNothingToSend() {
        var probe = ClosedInputProbe()
        #expect(bytes(&probe, .elsewhere, seconds: 100) == "")
    }
}

@Suite struct LineQueueTests {
    @Test func linesComeOutInOrder() {
        var queue = LineQueue(lines: 10, bytes: 100)
        for line in [[1, 10], [2, 10]] as [[UInt8]] { _ = queue.push(line) }
        let batch = queue.take()
        let next = queue.take()
        #expect(batch?.bytes == [1, 10, 2, 10] && batch?.dropped == 0)
        #expect(next == nil)
    }

    @Test func whatFindsNoRoomIsCountedOnce() {
        var queue = LineQueue(lines: 2, bytes: 5)
        let taken = ([[1, 1], [2, 2, 2, 2], [3], [4]] as [[UInt8]]).map { queue.push($0) }
        let batch = queue.take()
        _ = queue.push([5])
        let next = queue.take()
        #expect(taken == [true, false, true, false])
        #expect(batch?.dropped == 2 && next?.dropped == 0)
    }

    @Test func itIsIdleOnceWhatWasTakenIsWritten() {
        var queue = LineQueue(lines: 2, bytes: 5)
        #expect(queue.isIdle)
        _ = queue.push([1])
        _ = queue.take()
        #expect(queue.isEmpty && !queue.isIdle)
        queue.written()
        #expect(queue.isIdle)
    }
}

@Suite struct LogCutTests {
    @Test func aLongTextEndsBetweenTwoCharacters() {
        #expect(GatewayLog.cut("äöü", to: 3) == "ä…")
        #expect(GatewayLog.cut("abc", to: 3) == "abc")
        #expect(GatewayLog.cut("", to: 3) == "")
    }

    @Test func aClusterOfAnyLengthIsCut() {
        let cluster = "a" + String(repeating: "\u{301}", count: 1_000_000)
        #expect(GatewayLog.cut(cluster, to: 100).utf8.count <= 103)
    }
}
