import ABIRules
import PluginAPI
import Testing

/// What an HTTP request of an adapter must be.
@Suite struct RequestRuleTests {
    /// The status that refuses it; NEXUS_OK: none does.
    private func status(
        method: String = "POST", path: String = "/x", fields: [PassedField] = [], body: String = "", flags: UInt32 = 0,
        hasExchange: Bool = true, change: (inout nexus_http_request) -> Void = { _ in }
    ) -> nexus_status {
        withBorrowed(method, path, body) { method, path, body in
            withBorrowed(fields) { fields in
                var request = nexus_http_request()
                request.method = method
                request.path = path
                request.body = body
                request.flags = flags
                request.headers = fields.baseAddress
                request.header_count = fields.count
                change(&request)
                do throws(Refusal) {
                    _ = try HTTPRequestRules.check(request, hasExchange: hasExchange)
                    return NEXUS_OK
                } catch {
                    #expect(!error.reason.isEmpty)
                    return error.status
                }
            }
        }
    }

    private func field(_ name: String, _ value: String = "v") -> PassedField { PassedField(name: name, value: value) }

    @Test func anOrdinaryRequestIsSent() {
        #expect(status(fields: [field("accept", "a, b\tc"), field("X-One", "")], body: "{}") == NEXUS_OK)
        #expect(status(method: "GET", path: "/a?b=c&d=%20") == NEXUS_OK)
    }

    @Test(arguments: ["", "a b", "GET\r\n", "é"])
    func aMethodIsAToken(_ method: String) { #expect(status(method: method) == NEXUS_INVALID) }

    @Test(arguments: ["", "x", "/a b", "/a\r\nb", "/a\u{7F}"])
    func aPathStartsWithASlashAndHasNoSpaces(_ path: String) { #expect(status(path: path) == NEXUS_INVALID) }

    @Test(arguments: ["host", "Host", "Content-Length", "TRANSFER-ENCODING", "connection", "", "a b", "a:b", "é"])
    func whatIsTheHostsOrNoNameIsRefused(_ name: String) { #expect(status(fields: [field(name)]) == NEXUS_INVALID) }

    @Test(arguments: ["a\r\nb", "a\u{0}", "\u{7F}"])
    func aValueHasNoControlCharacters(_ value: String) {
        #expect(status(fields: [field("x", value)]) == NEXUS_INVALID)
    }

    @Test func theLimitsAreThoseOfTheHeader() {
        let fields = (0..<ABILimits.httpHeaders).map { field("x-\($0)") }
        #expect(status(fields: fields) == NEXUS_OK && status(fields: fields + [field("y")]) == NEXUS_TOO_LARGE)
        let path = "/" + String(repeating: "a", count: ABILimits.httpHead - 1)
        #expect(status(path: path) == NEXUS_OK && status(path: path + "a") == NEXUS_TOO_LARGE)
        #expect(status(path: path, fields: [field("x")]) == NEXUS_TOO_LARGE)
        #expect(status { $0.header_count = -1 } == NEXUS_INVALID)
        #expect(status(fields: fields) { $0.header_count = -1 } == NEXUS_TOO_LARGE)
    }

    @Test func aLengthNeedsData() {
        #expect(
            status {
                $0.body.ptr = nil
                $0.body.len = 1
            } == NEXUS_INVALID)
        #expect(status { $0.header_count = 1 } == NEXUS_INVALID)
        #expect(status(body: "x") { $0.body.len = ABILimits.httpBody + 1 } == NEXUS_TOO_LARGE)
        #expect(status(body: "x") { $0.body.len = Int.max } == NEXUS_INVALID)
    }

    @Test func theBodyOfAnExchangeNeedsAnExchange() {
        #expect(status(flags: NEXUS_HTTP_EXCHANGE_BODY) == NEXUS_OK)
        #expect(status(flags: NEXUS_HTTP_EXCHANGE_BODY, hasExchange: false) == NEXUS_INVALID)
    }
}

/// The header's table of states, and its other rules.
@Suite struct TaskRuleTests {
    private func row(_ call: TaskCall, isLate: Bool = false) -> [nexus_status] {
        TaskState.allCases.map { call.status(in: $0, isLate: isLate) }
    }

    /// The columns: new, begun, written, a probe, over.
    @Test func itIsTheTableOfTheHeader() {
        let (ok, state, stale) = (NEXUS_OK, NEXUS_BAD_STATE, NEXUS_STALE)

        #expect(row(.httpStart) == [ok, ok, ok, ok, stale])
        #expect(row(.httpStart, isLate: true) == [state, state, state, state, stale])
        #expect(row(.httpStartWithExchangeBody) == [ok, ok, ok, NEXUS_INVALID, stale])
        #expect(row(.begin) == [ok, state, state, stale, stale])
        #expect(row(.write) == [state, ok, ok, stale, stale])
        #expect(row(.finish) == [state, ok, ok, stale, stale])
        #expect(row(.fail) == [ok, ok, ok, stale, stale])
        #expect(row(.timerStart, isLate: true) == [ok, ok, ok, ok, stale])
        #expect(row(.runBlocking, isLate: true) == [ok, ok, ok, ok, stale])
    }

    @Test func typesAndActionsHaveNames() {
        for name in ["a", "openai", "my-llm_2"] { #expect(TextRules.isType(name)) }
        for name in ["", "A", "1a", "a.b", String(repeating: "a", count: 65)] { #expect(!TextRules.isType(name)) }
        #expect(TextRules.isActionName("pull_model2") && !TextRules.isActionName("pull-model"))
        #expect(TextRules.isActionName(String(repeating: "a", count: 64)))
    }

    @Test func figuresTellWhatIsUnknown() {
        #expect(AnswerRules.figure(0) == nil && AnswerRules.figure(1) == 1)
        #expect(AnswerRules.count(0) == 0 && AnswerRules.count(.max) == nil)
        #expect(
            AnswerRules.figure(ABILimits.count) == ABILimits.count && AnswerRules.figure(ABILimits.count + 1) == nil)
        #expect(AnswerRules.microseconds(Int64?.none) == 0 && AnswerRules.microseconds(Int64(0)) == 1)
        #expect(AnswerRules.microseconds(Int64(999)) == 1 && AnswerRules.microseconds(Int64(2_500_000)) == 2500)
        #expect(AnswerRules.microseconds(Int64(-5)) == 1)
    }

    @Test func timesEndWithTheYear9999() {
        #expect(ReportRules.time(-1) == 0 && ReportRules.time(.max) == 253_402_300_799)
    }
}
