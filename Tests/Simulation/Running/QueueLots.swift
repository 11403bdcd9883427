import Core

/// What is drawn of limits, the queue, names and who asks: by numbers of its own, so that the rest of a run stays what its seed
/// makes it.
final class QueueLots {
    private var random: SeededRandom
    private let hasFaults: Bool
    /// Many wait for one place.
    private let isNarrow: Bool

    init(seed: UInt64, hasFaults: Bool, isNarrow: Bool) {
        random = SeededRandom(seed: seed &* 0x9E37_79B9 ^ 0x5155_4555_45)
        self.hasFaults = hasFaults
        self.isNarrow = isNarrow
    }

    func count(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    func instant(from start: UInt64, to end: UInt64) -> UInt64 { UInt64.random(in: start...end, using: &random) }

    // MARK: Settings

    /// Where nothing goes wrong everybody is served, however long that takes.
    func queue() -> Configuration.Queue {
        var queue = Configuration.Queue()
        queue.maxWait = .seconds(3600)
        queue.maxConcurrent = Bool.random(using: &random) ? count(1...4) : nil
        if Bool.random(using: &random) { queue.models["m*"] = count(1...4) }
        if Bool.random(using: &random) { queue.models["m0"] = count(1...3) }
        if isNarrow {
            // Three of which the oracle allows one, where that is the fault.
            queue.maxConcurrent = 3
            queue.models = [:]
        }
        guard hasFaults else { return queue }
        queue.enabled = count(0...9) > 0
        queue.maxSize = isNarrow ? 2 : [0, 1, 2, 4, 4, 10, 100].randomElement(using: &random) ?? 10
        queue.maxWait = .seconds(count(1...12))
        queue.waitForRestart = Bool.random(using: &random)
        return queue
    }

    func backendLimit() -> Int? { isNarrow ? 1 : count(0...3) == 0 ? count(1...3) : nil }

    func names(_ routing: inout Configuration.Routing) { Names.draw(&routing, &random) }

    /// What a server tells of its models.
    func tells() -> String {
        var text = ""
        if Bool.random(using: &random) {
            text += #","architecture":{"input_modalities":["text","image"]}"#
        } else if hasFaults, count(0...2) == 0 {
            text += #","architecture":{"input_modalities":["text"]}"#
        }
        if hasFaults, Bool.random(using: &random) {
            text += #","max_model_len":\#(Bool.random(using: &random) ? 2000 : 200_000)"#
        }
        return text
    }

    // MARK: Clients

    /// How many come together.
    func crowd() -> Int { isNarrow ? 12 : count(0...3) == 0 ? count(4...12) : 0 }

    /// Who asks, how urgently, and with what.
    func decorate(_ ask: Ask, in book: AskBook) -> Ask {
        var ask = ask
        if count(0...3) > 0 { ask.key = count(0...2) }
        if count(0...2) == 0 { ask.priority = AdmissionQueue.Priority.allCases.randomElement(using: &random) }
        if ask.kind == .chat || ask.kind == .stream { ask.hasImage = count(0...5) == 0 }
        book.replace(ask)
        return ask
    }

    /// One of a crowd.
    func small(_ book: AskBook) -> Ask {
        let model = ["m0", "m0", "alias"].randomElement(using: &random) ?? "m0"
        let kind: Ask.Kind = [.chat, .stream, .messages].randomElement(using: &random) ?? .chat
        let pieces = count(1...3)
        let ask = book.add {
            Ask(
                number: $0, kind: kind, model: model, pieces: pieces, size: 40, isChunked: false, wantsContinue: false,
                padding: 0)
        }
        return decorate(ask, in: book)
    }
}
