import Testing

@testable import Tracing

@Suite struct CollectorTests {
    private func answer(_ text: String, isWhole: Bool = false) throws -> CollectorCall.Answer? {
        try CollectorCall.parsed(Array(text.utf8), isWhole: isWhole)
    }

    @Test func anAnswerIsReadHoweverItEnds() throws {
        let body = Array("{}".utf8)
        for text in [
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        ] {
            #expect(try answer(text) == CollectorCall.Answer(status: 200, body: body))
            for end in 0..<text.utf8.count {
                #expect(try CollectorCall.parsed(Array(text.utf8.prefix(end)), isWhole: false) == nil)
            }
        }
        let open = "HTTP/1.0 200 OK\r\n\r\n{}"
        #expect(try answer(open) == nil)
        #expect(try answer(open, isWhole: true)?.body == body)
        #expect(try answer("HTTP/1.1 204 No Content\r\n\r\n")?.status == 204)
        #expect(try answer("HTTP/1.1 503 X\r\nRetry-After: 7\r\ncontent-length: 0\r\n\r\n")?.retryAfter == 7)
        #expect(try answer("HTTP/1.1 503 X\r\nRetry-After: 9e9\r\ncontent-length: 0\r\n\r\n")?.retryAfter == 30)
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH\r\n\r\n0123456789", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "HTTP/1.1 200 OK\n\n",
    ])
    func whatIsNoHTTPIsAFailure(_ text: String) {
        #expect(throws: CollectorCall.Failure(words: "its answer is no HTTP")) { try answer(text) }
    }

    private func verdict(_ status: Int, _ body: String = "", after: Double? = nil) -> CollectorVerdict {
        CollectorVerdict(CollectorCall.Answer(status: status, retryAfter: after, body: Array(body.utf8)))
    }

    @Test func whatAnAnswerMeansForTheSpans() {
        #expect(verdict(200) == .taken(rejected: 0, words: ""))
        #expect(verdict(202, "{}") == .taken(rejected: 0, words: ""))
        #expect(
            verdict(200, #"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too\nold"}}"#)
                == .taken(rejected: 3, words: "too old"))
        #expect(verdict(200, #"{"partialSuccess":{"rejectedSpans":-3}}"#) == .taken(rejected: 0, words: ""))
        for status in [429, 502, 503, 504] {
            #expect(verdict(status, after: 2) == .away("it answers \(status)", after: 2))
        }
        #expect(verdict(400, #"{"message":"what?"}"#) == .refused("it answers 400: what?"))
        for status in [301, 404, 500] { #expect(verdict(status, "<html>") == .refused("it answers \(status)")) }
    }

    @Test func theLogIsToldOnceThatItIsAwayAndOnceThatItIsBack() {
        var talk = Talk()
        let away = CollectorVerdict.away("connection refused", after: nil)
        let taken = CollectorVerdict.taken(rejected: 0, words: "")
        #expect(talk.words(taken, "c", dropped: 0) == nil)
        var delays: [Double] = []
        var told = 0
        for number in 0..<7 {
            delays.append(talk.delay)
            if talk.words(away, "c", dropped: UInt64(number)) != nil { told += 1 }
        }
        #expect(told == 1 && delays == [1, 2, 4, 8, 16, 30, 30])
        let back = talk.words(taken, "c", dropped: 6)
        #expect(back?.isGood == true && back?.words.hasSuffix("6 were dropped meanwhile") == true)
        #expect(talk.words(taken, "c", dropped: 6) == nil && talk.delay == 1)

        let some = CollectorVerdict.taken(rejected: 1, words: "why")
        #expect(talk.words(some, "c", dropped: 7)?.isGood == false)
        #expect(talk.words(taken, "c", dropped: 7) == nil && talk.words(some, "c", dropped: 8) == nil)
    }
}
