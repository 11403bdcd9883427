import Core
import JSON
import NIOCore
import Testing

/// The lists of exchanges under way.
@Suite struct ActiveExchangeTests {
    private func exchange(
        _ number: UInt64, loop: Int = 0, arrival: UInt64? = nil, phase: ExchangePhase = .prefill, model: String = "m",
        backend: String? = "one"
    ) -> ActiveExchange {
        var exchange = ActiveExchange(
            id: "id\(number)", key: ActiveExchange.Key(loop: loop, number: number), model: model, phase: phase,
            arrival: .uptimeNanoseconds(arrival ?? number))
        (exchange.backendID, exchange.backend) = (backend, backend)
        return exchange
    }

    private func list(_ exchanges: [ActiveExchange], total: Int? = nil) -> ActiveExchanges {
        ActiveExchanges(exchanges, phases: [.prefill: total ?? exchanges.count])
    }

    @Test func ofAllLoopsTheOldestAreShownAndAllAreCounted() {
        let parts = [list([exchange(1), exchange(4)], total: 7), list([exchange(2, loop: 1), exchange(3, loop: 1)])]
        let all = ActiveExchanges(merging: parts, limit: 3, silentLoops: 1)
        #expect(all.exchanges.map(\.key.number) == [1, 2, 3])
        #expect(all.total == 9 && all.leftOut == 6 && all.silentLoops == 1 && all.phases == [.prefill: 9])
    }

    @Test func whatABackendHasNotLoadedIsBeingLoadedUnlessSomeAnswerShowsOtherwise() {
        var all = ActiveExchanges(
            [
                exchange(1, model: "cold"), exchange(2, model: "warm"), exchange(3, model: "told"),
                exchange(4, model: "untold"), exchange(5, phase: .streaming, model: "warm"),
                exchange(6, phase: .connecting, model: "cold"),
            ], phases: [.prefill: 4, .streaming: 1, .connecting: 1])
        all.complete(places: [:]) { _, model in model == "told" ? true : model == "untold" ? nil : false }
        #expect(
            all.exchanges.map(\.phase) == [.loading, .prefill, .prefill, .prefill, .streaming, .connecting])
        #expect(all.phases[.loading] == 1 && all.phases[.prefill] == 3 && all.total == 6)
    }

    @Test func whatAListHasToldCompletesAnExchangeThatHasNotGoneOnMeanwhile() {
        var (waiting, loading) = (exchange(1, phase: .queued), exchange(1, phase: .loading))
        (waiting.place, loading.place) = (3, nil)
        #expect(exchange(1, phase: .queued).completed(by: waiting).place == 3)
        #expect(exchange(1, phase: .prefill).completed(by: waiting).place == nil)
        #expect(exchange(1, phase: .prefill).completed(by: loading).phase == .loading)
        #expect(exchange(1, phase: .streaming).completed(by: loading).phase == .streaming)
        #expect(exchange(1).completed(by: nil) == exchange(1))
    }

    @Test func theSpeedIsThatSinceTheFirstToken() {
        var streaming = exchange(1)
        let (first, now) = (NIODeadline.uptimeNanoseconds(1_000_000_000), NIODeadline.uptimeNanoseconds(3_000_000_000))
        streaming.note(tokens: 1, firstData: first, now: now)
        #expect(streaming.tokens == 1 && streaming.tokensPerSecond == nil)
        streaming.note(tokens: 11, firstData: first, now: now)
        #expect(streaming.tokensPerSecond == 5)
        streaming.tokensPerSecond = nil
        streaming.note(tokens: 11, firstData: first, now: first)
        #expect(streaming.tokensPerSecond == nil)
    }

    @Test(arguments: ["", "-", "1", "1-", "-1", "a-1", "1-b", "-1-2", "1-2-3", "1-18446744073709551616"])
    func whatIsNoKeyIsRefused(_ text: String) { #expect(ActiveExchange.Key(text) == nil) }

    @Test func aKeyReadsWhatItHasWritten() {
        let key = ActiveExchange.Key(loop: 3, number: .max)
        #expect(ActiveExchange.Key(key.text) == key)
    }

    // MARK: JSON

    private func parsed(_ bytes: [UInt8]) throws -> JSONValue { try JSONValue.parse(bytes) }

    @Test func aListSaysWhatItLeavesOut() throws {
        let value = try parsed(ContractEncoder.activeExchanges(list([exchange(1)], total: 5)))
        #expect(value["object"]?.string == "list" && value["total"]?.int == 5 && value["left_out"]?.int == 4)
        #expect(value["phases"]?["prefill"]?.int == 5 && value["phases"]?["queued"]?.int == 0)
        let row = value["data"]?[0]
        #expect(row?["id"]?.string == "id1" && row?["exchange"]?.string == "0-1" && row?["place"]?.isNull == true)
        #expect(row?["served_model"]?.string == "m" && row?["backend_id"]?.string == "one")
    }

    @Test func aMessageIsNeverTooLargeWhateverItsTextsHold() throws {
        let hostile = String(repeating: "\u{1}\"\\", count: 2000)
        let exchanges = (0..<UInt64(ActiveExchanges.updateLimit)).map { number in
            var one = exchange(number, model: hostile, backend: hostile)
            one.servedModel = hostile
            one.id = hostile
            return one
        }
        let messages = UpdateEncoder.activeRequestsMessages(list(exchanges, total: .max / 2))
        var shown = 0
        for (index, message) in messages.enumerated() {
            #expect(message.count <= UpdateEncoder.messageLimit)
            let data = try parsed(message)["data"]
            #expect(data?["part"]?.int == Int64(index + 1) && data?["parts"]?.int == Int64(messages.count))
            shown += data?["requests"]?.array?.count ?? 0
        }
        #expect(shown == exchanges.count)
        #expect(UpdateEncoder.requestCancelledMessage(exchanges[0]).count <= UpdateEncoder.messageLimit)
    }

    @Test func anEmptyListIsOneMessage() throws {
        let messages = UpdateEncoder.activeRequestsMessages(ActiveExchanges())
        let data = try parsed(messages[0])["data"]
        #expect(messages.count == 1 && data?["total"]?.int == 0 && data?["requests"]?.array?.isEmpty == true)
        #expect(Update(.requests(ActiveExchanges())).isIdle)
        #expect(!Update(.requests(ActiveExchanges(silentLoops: 1))).isIdle)
    }
}
