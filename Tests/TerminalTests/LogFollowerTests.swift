import JSON
import Terminal
import Testing

@Suite struct LogFollowerTests {
    private func answer(_ run: String, _ numbers: [Int], last: Int, skipped: Int = 0) throws -> JSONValue {
        let lines = numbers.map { #"{"seq":\#($0)}"# }.joined(separator: ",")
        return try JSONValue.parse(
            #"{"instance_id":"\#(run)","last_seq":\#(last),"skipped":\#(skipped),"data":[\#(lines)]}"#)
    }

    private func numbers(_ news: LogFollower.News) -> [Int64]? {
        guard case .lines(let lines, _) = news else { return nil }
        return lines.compactMap { $0["seq"]?.int }
    }

    @Test func eachLineIsSeenOnce() throws {
        var follower = LogFollower()
        #expect(numbers(follower.take(try answer("a", [1, 2], last: 3))) == [1, 2] && follower.after == 3)
        #expect(numbers(follower.take(try answer("a", [3, 4], last: 4))) == [4] && follower.after == 4)
        #expect(numbers(follower.take(try answer("a", [], last: 4))) == [])
    }

    @Test func whatIsMissingIsTold() throws {
        var follower = LogFollower()
        _ = follower.take(try answer("a", [1], last: 1))
        guard case .lines(_, let missed) = follower.take(try answer("a", [9], last: 9, skipped: 7)) else {
            Issue.record("no lines")
            return
        }
        #expect(missed == 7)
    }

    @Test func anotherRunIsReadFromItsStart() throws {
        var follower = LogFollower()
        _ = follower.take(try answer("a", [1], last: 50))
        #expect(follower.take(try answer("b", [], last: 3)) == .restarted && follower.after == 0)
        #expect(numbers(follower.take(try answer("b", [1, 2, 3], last: 3))) == [1, 2, 3])
    }

    @Test func whatIsNoLogIsStrange() {
        var follower = LogFollower()
        #expect(follower.take(["status": "ok"]) == .strange)
    }
}
