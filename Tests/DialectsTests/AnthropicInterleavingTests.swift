import JSON
import Testing

@testable import Dialects

/// Calls of tools cut into fragments, mixed with each other, with text and with thoughts, in many orders.
@Suite struct AnthropicInterleavingTests {
    /// A fixed sequence, so that a failure comes again.
    private struct Dice: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    private static let inputs = [
        "{}", #"{"a":1}"#, #"{"text":"a } { \" b","list":[1,{"x":[]}]}"#, #" {"é😀":"\\"} "#, #"{"a":{"b":{"c":null}}}"#,
    ]

    private struct Block {
        var type = ""
        var id = ""
        var name = ""
        var text = ""
    }

    @Test(arguments: 1...200)
    func nothingIsLostAndOneBlockIsOpenAtATime(_ seed: UInt64) throws {
        var dice = Dice(state: seed)
        let inputs = (0..<Int.random(in: 1...4, using: &dice)).map { _ in Self.inputs.randomElement(using: &dice) ?? ""
        }
        var deltas = try deltas(inputs, &dice)
        var answer = AnthropicBlocks(requestID: "r1")
        var out: [UInt8] = []
        var words = ["text": "", "thinking": ""]

        while let next = deltas.randomElement(using: &dice)?.key {
            if Bool.random(using: &dice) { try answer.call(deltas[next]?.removeFirst() ?? .null, into: &out) }
            if deltas[next]?.isEmpty == true { deltas[next] = nil }
            let word = "\(Int.random(in: 0...99, using: &dice)) "
            switch Int.random(in: 0...3, using: &dice) {
            case 0:
                answer.say(word, into: &out)
                words["text"]? += word
            case 1:
                answer.think(word, into: &out)
                words["thinking"]? += word
            default: break
            }
        }
        answer.finish(into: &out)

        let blocks = try blocks(out)
        let calls = blocks.filter { $0.type == "tool_use" }
        #expect(calls.count == inputs.count && Set(calls.map(\.id)).count == inputs.count)
        for call in calls {
            let number = try #require(Int(call.name.dropFirst()))
            #expect(try JSONValue.parse(call.text) == JSONValue.parse(inputs[number]))
        }
        for type in ["text", "thinking"] {
            #expect(blocks.filter { $0.type == type }.map(\.text).joined() == words[type])
        }
    }

    /// The deltas of each call in their order, by the call's number.
    private func deltas(_ inputs: [String], _ dice: inout Dice) throws -> [Int: [JSONValue]] {
        var deltas: [Int: [JSONValue]] = [:]
        for (number, input) in inputs.enumerated() {
            let index = JSONValue.number(JSONNumber(number))
            var rest = Array(input)[...]
            deltas[number] = [
                ["index": index, "id": "call_0", "function": ["name": .string("f\(number)"), "arguments": ""]]
            ]
            while !rest.isEmpty {
                let part = rest.prefix(Int.random(in: 1...5, using: &dice))
                rest = rest.dropFirst(part.count)
                deltas[number]?.append(["index": index, "function": ["arguments": .string(String(part))]])
            }
        }
        return deltas
    }

    /// The blocks with the text of their deltas; their events must be in order.
    private func blocks(_ events: [UInt8]) throws -> [Block] {
        var blocks: [Block] = []
        var isOpen = false
        for line in String(decoding: events, as: UTF8.self).split(separator: "\n") where line.hasPrefix("data: ") {
            let event = try JSONValue.parse(String(line.dropFirst(6)))
            switch event["type"]?.string {
            case "content_block_start":
                #expect(!isOpen && event["index"]?.int == Int64(blocks.count))
                isOpen = true
                let block = event["content_block"]
                func text(_ name: String) -> String { block?[name]?.string ?? "" }
                blocks.append(Block(type: text("type"), id: text("id"), name: text("name")))
            case "content_block_delta":
                try #require(isOpen && event["index"]?.int == Int64(blocks.count - 1))
                let delta = event["delta"]
                blocks[blocks.count - 1].text +=
                    delta?["text"]?.string ?? delta?["thinking"]?.string ?? delta?["partial_json"]?.string ?? ""
            default:
                #expect(isOpen && event["type"]?.string == "content_block_stop")
                isOpen = false
            }
        }
        #expect(!isOpen)
        return blocks
    }
}
