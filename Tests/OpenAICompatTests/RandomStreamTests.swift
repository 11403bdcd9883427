import PluginAPI
import Testing

@testable import FakeHost
@testable import OpenAICompat

/// Makes streams of every kind that servers send. The same seed gives the same streams.
private struct RandomStream {
    private var state: UInt64
    private let end: String

    init(seed: UInt64) {
        state = seed
        var first = seed &* 0x9E37_79B9_7F4A_7C15
        first ^= first >> 29
        end = ["\n", "\r\n", "\r"][Int(first % 3)]
    }

    /// Splitmix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    private mutating func content() -> String {
        let parts = [
            "a", "word ", "é", "日本", "👩‍👩‍👧", #"\n"#, #"\""#, #"\u00e9"#, #"\ud83d\ude00"#, #"\\"#, "data: [DONE]",
            #"\"finish_reason\":\"stop\""#, #"{\"error\":1}"#, #"\"usage\":{}"#, "  ", "\u{FEFF}", "\u{2028}",
        ]
        return (0..<below(12)).map { _ in parts[below(parts.count)] }.joined()
    }

    private mutating func data(_ members: [String]) -> String {
        let start = ["data: ", "data:", "data:  "][below(3)]
        guard chance(10) else { return start + "{" + members.joined(separator: ",") + "}" + end }
        // Several lines, cut between members.
        return "data: {" + members.joined(separator: ",\(end)data: ") + "}" + end
    }

    private mutating func chunk(_ choices: String, usage: String? = nil) -> String {
        var members = [#""id":"c""#, #""object":"chat.completion.chunk""#, #""choices":\#(choices)"#]
        if let usage { members.append(#""usage":\#(usage)"#) }
        if chance(20) { members.swapAt(0, below(members.count)) }
        var event = data(members)
        if chance(10) { event = ": ping" + end + event }
        if chance(10) { event = "event: message" + end + event }
        if chance(10) { event += "id: 7" + end }
        return event + end
    }

    private mutating func choice(_ finish: String) -> String {
        let separator = chance(20) ? ": " : ":"
        return
            #"{"index"\#(separator)0,"delta":{"content"\#(separator)"\#(content())"},"finish_reason"\#(separator)\#(finish)}"#
    }

    /// A whole stream that a client who wants the usage gets as it is.
    mutating func bytes() -> (bytes: [UInt8], hasUsage: Bool) {
        var text = chance(20) ? "\u{FEFF}" : ""
        if chance(30) { text += ": comment" + end + end }
        for _ in 0...below(20) {
            text += chance(5) ? ":" + end + end : chunk("[\(choice("null"))]", usage: chance(20) ? "null" : nil)
        }
        let hasUsage = chance(70)
        let counts = #"{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}"#
        let isOnLast = hasUsage && chance(30)
        text += chunk("[\(choice(#""stop""#))]", usage: isOnLast ? counts : nil)
        if hasUsage, !isOnLast { text += chunk("[]", usage: counts) }
        text += "data: [DONE]" + end + end
        return (Array(text.utf8), hasUsage)
    }

    /// Where the stream is cut on its way.
    mutating func pieces(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        let bound = [2, 8, 64, 512, 4096][below(5)]
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + 1 + below(bound))
            pieces.append(bytes[start..<end])
            start = end
        }
        return pieces
    }
}

@Suite struct RandomStreamTests {
    @Test func thousandsOfStreamsReachTheClientByteForByte() throws {
        let base = UInt64.random(in: 0..<1 << 40)
        for seed in base..<base + 3000 {
            var random = RandomStream(seed: seed)
            let (sent, hasUsage) = random.bytes()
            let pieces = random.pieces(sent)
            let exchange = try answered(stream: true) { upstream in
                upstream.head(200, eventStream)
                for piece in pieces { upstream.body(piece) }
                upstream.end()
            }

            #expect(exchange.written == sent, "seed \(seed)")
            #expect(exchange.outcome != nil && exchange.refused.isEmpty, "seed \(seed)")
            #expect((exchange.outcome?.prompt_tokens == 11) == hasUsage, "seed \(seed)")
            let isEstimated = !hasUsage && exchange.outcome?.completion_tokens != UInt64.max
            #expect(exchange.outcome?.flags == (isEstimated ? NEXUS_OUTCOME_ESTIMATED : 0), "seed \(seed)")
        }
    }

    @Test func aStreamThatIsCutOffGivesWholeEventsAndAFailure() throws {
        let base = UInt64.random(in: 0..<1 << 40)
        for seed in base..<base + 1000 {
            var random = RandomStream(seed: seed)
            let (sent, _) = random.bytes()
            // Before the line of the end mark.
            let cut = random.below(sent.count - 20)
            let exchange = try answered(stream: true) { upstream in
                upstream.head(200, eventStream)
                for piece in random.pieces(Array(sent[..<cut])) { upstream.body(piece) }
                upstream.end(NEXUS_HTTP_CLOSED, "closed")
            }

            #expect(exchange.failure != nil && exchange.outcome == nil, "seed \(seed)")
            #expect(sent.starts(with: exchange.written), "seed \(seed)")
            let ends = ["\n\n", "\r\n\r\n", "\r\r", "\r\n\r"].map { Array($0.utf8) }
            let isWhole =
                exchange.written.isEmpty || ends.contains { exchange.written.reversed().starts(with: $0.reversed()) }
            #expect(isWhole, "seed \(seed)")
        }
    }
}
