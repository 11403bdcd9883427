import Testing

@testable import Service

@Suite struct LoopBeatsTests {
    @Test func loopsThatHaveBeatenInTimeAreAlive() {
        var beats = LoopBeats(patience: 100)
        let look = beats.look(at: [900, 1000], now: 1000)
        #expect(look.isAlive && !look.isNews)
    }

    @Test func oneStuckLoopIsEnough() {
        var beats = LoopBeats(patience: 100)
        let look = beats.look(at: [1000, 899, 1000], now: 1000)
        #expect(!look.isAlive)
        #expect(look.stuck == [1])
        #expect(look.longest == 101)
    }

    @Test func whatChangesIsNewsOnce() {
        var beats = LoopBeats(patience: 100)
        let looks = [
            beats.look(at: [0], now: 500), beats.look(at: [0], now: 600), beats.look(at: [650], now: 700),
            beats.look(at: [750], now: 800),
        ]
        #expect(looks.map(\.isNews) == [true, false, true, false])
        #expect(looks.map(\.isAlive) == [false, false, true, true])
    }

    @Test func aBeatBehindTheClockIsNoAge() {
        var beats = LoopBeats(patience: 100)
        let look = beats.look(at: [1001], now: 1000)
        #expect(look.isAlive)
    }
}
