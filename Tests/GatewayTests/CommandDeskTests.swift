import Synchronization
import Testing

@testable import Gateway

@Suite struct CommandDeskTests {
    private let desk = CommandDesk()

    private func refusal() -> ErrorBody? {
        do throws(ErrorBody) {
            try desk.enter()
            return nil
        } catch {
            return error
        }
    }

    @Test func soManyCommandsAreUnderWayAndNoMore() {
        for _ in 0..<CommandDesk.limit { #expect(refusal() == nil) }
        let full = refusal()
        #expect(full?.status == 503 && full?.code == "overloaded" && full?.retryAfter != nil)
        #expect(full?.message.contains("nothing was done") == true)

        desk.leave()

        #expect(refusal() == nil && desk.count == CommandDesk.limit)
    }

    @Test func nothingIsTakenUpWhenTheGatewayEnds() async {
        desk.close()
        let begun = Mutex(false)
        let result: Void? = await desk.waits { begun.withLock { $0 = true } }

        #expect(refusal()?.code == "shutting_down" && desk.isClosed)
        #expect(result == nil && !begun.withLock { $0 })
    }

    @Test func whatTakesLongIsNotWaitedForWhenTheGatewayEnds() async {
        let (held, release) = AsyncStream<Void>.makeStream()
        let (begins, began) = AsyncStream<Void>.makeStream()
        async let result: Int? = desk.waits {
            began.finish()
            for await _ in held {}
            return 1
        }
        for await _ in begins {}
        desk.close()

        #expect(await result == nil)
        release.finish()
    }

    @Test func whatIsDoneInTimeIsGiven() async {
        #expect(await desk.waits { 7 } == 7)
        desk.close()
    }
}
