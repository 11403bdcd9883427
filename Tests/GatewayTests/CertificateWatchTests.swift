import Testing

@testable import Gateway

/// A watch of files that are looked at and read when that is due.
private struct Story {
    private var watch = CertificateWatch(read: "a", now: 0)

    /// - Returns: they are to be read.
    mutating func isDue(_ stamp: String, _ now: Int64) -> Bool { watch.look(stamp, now: now) }

    /// - Returns: that is news.
    mutating func isNews(_ stamp: String, _ problem: String?, _ now: Int64) -> Bool {
        watch.didRead(stamp, problem: problem, now: now)
    }
}

@Suite struct CertificateWatchTests {
    @Test func filesThatStayAsTheyAreAreNotReadAgain() {
        var story = Story()
        let reads = stride(from: Int64(0), to: 100_000, by: 500).filter { story.isDue("a", $0) }
        #expect(reads.isEmpty)
    }

    @Test func aChangeIsReadOnceItHasComeToRest() {
        var story = Story()
        let looks = [("b", 1000), ("c", 1399), ("c", 1798), ("c", 1799)].map { story.isDue($0.0, Int64($0.1)) }
        #expect(looks == [false, false, false, true])
        let isNews = story.isNews("c", nil, 1799)
        let later = story.isDue("c", 60_000)
        #expect(!isNews && !later)
    }

    @Test func whatIsTakenBackInTimeIsNoChange() {
        var story = Story()
        let looks = [("b", 1000), ("a", 1100), ("a", 9000)].map { story.isDue($0.0, Int64($0.1)) }
        #expect(looks == [false, false, false])
    }

    @Test func aProblemIsToldOnceAndTriedAgain() {
        var story = Story()
        let told = story.isNews("b", "half", 1000)
        let looks = [10_999, 11_000].map { story.isDue("b", $0) }
        let toldAgain = story.isNews("b", "half", 11_000)
        #expect(told && looks == [false, true] && !toldAgain)
        // At once when there is something else, and when it is over.
        let others = [("b", 20_999), ("c", 21_000), ("c", 21_400)].map { story.isDue($0.0, Int64($0.1)) }
        #expect(others == [false, false, true])
        let news = [story.isNews("c", "other", 21_400), story.isNews("c", nil, 31_400)]
        let after = story.isDue("c", 90_000)
        #expect(news == [true, true] && !after)
    }
}
