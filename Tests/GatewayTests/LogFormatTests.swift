import JSON
import Logging
import Testing

@testable import Gateway

@Suite struct LogFormatTests {
    private func line(_ message: String, _ fields: [(name: String, value: LogValue)] = []) -> LogLine {
        LogLine(at: 1_000, level: "info", component: "gateway", message: message, request: nil, fields: fields)
    }

    private func pretty(_ message: String, _ fields: [(name: String, value: LogValue)] = []) -> String {
        String(decoding: LogFormat.bytes(line(message, fields), asJSON: false), as: UTF8.self)
    }

    @Test func aLineForPeopleIsTimeLevelComponentMessageAndFields() {
        #expect(
            pretty("backend is up", [("backend", .string("box")), ("models", .integer(3))])
                == "1970-01-01T00:00:01.000Z info gateway: backend is up backend=box models=3\n")
    }

    @Test(arguments: [
        (#"a" status=200 x=""#, #""a\" status=200 x=\"""#), ("two words", #""two words""#), ("", #""""#),
        ("back\\slash", #""back\\slash""#), ("one\ntwo", #""one\ntwo""#), ("\u{1B}[31m", #""\u{1b}[31m""#),
        ("\u{202E}evil", #""\u{202e}evil""#), ("a=b", #""a=b""#), ("é", #""é""#), ("plain-1/x:y", "plain-1/x:y"),
    ])
    func aValueThatCouldBeTakenForAnotherFieldStandsInQuotes(_ value: String, _ written: String) {
        #expect(
            pretty("m", [("reason", .string(value))]) == "1970-01-01T00:00:01.000Z info gateway: m reason=\(written)\n")
    }

    @Test func aMessageCannotForgeAFieldOrALine() {
        #expect(pretty("said x status=200").hasSuffix(#": "said x status=200""# + "\n"))
        #expect(pretty("an odd \" quote").hasSuffix(#": "an odd \" quote""# + "\n"))
        #expect(pretty("first\nsecond").split(separator: "\n").count == 1)
        #expect(pretty("the adapter \"x\" is here").hasSuffix(": the adapter \"x\" is here\n"))
    }

    @Test func jsonKeepsTypesAndHasNoNameTwice() throws {
        let fields: [(name: String, value: LogValue)] = [
            ("status", .integer(200)), ("tokens_per_second", .number(12.5)), ("stream", .flag(true)),
            ("message", .string("of a server")), ("backend", .string("b\"x\n")),
        ]
        var line = line("served", fields)
        line.request = "r1"
        let bytes = LogFormat.bytes(line, asJSON: true)
        #expect(bytes.last == 0x0A && bytes.filter { $0 == 0x0A }.count == 1)
        let value = try JSONValue.parse(Array(bytes))
        #expect(
            value["status"]?.int == 200 && value["tokens_per_second"]?.double == 12.5 && value["stream"]?.bool == true)
        #expect(value["message"]?.string == "served" && value["message_"]?.string == "of a server")
        #expect(value["request"]?.string == "r1" && value["backend"]?.string == "b\"x\n")
        #expect(value["time"]?.string == "1970-01-01T00:00:01.000Z" && value["component"]?.string == "gateway")
    }

    @Test func aLineOfTheRouteReadsAsTheLogWroteIt() throws {
        let value = try JSONValue.parse(
            #"{"seq":1,"time":"1970-01-01T00:00:01.250Z","level":"info","component":"requests","message":"request served","request_id":"r","fields":{"status":200,"stream":false,"tokens_per_second":1.5,"reason":"a b"}}"#
        )
        #expect(
            Gateway.logLine(value)
                == #"1970-01-01T00:00:01.250Z info requests: request served request=r status=200 stream=false tokens_per_second=1.5 reason="a b""#
        )
        #expect(Gateway.logLine(["seq": 1]) == nil)
    }

    @Test func numbersOfMetadataStayNumbers() {
        #expect(
            LogValue(.stringConvertible(7)) == .integer(7) && LogValue(.stringConvertible(UInt64.max)) == .integer(.max)
        )
        #expect(LogValue(.stringConvertible(1.5)) == .number(1.5) && LogValue(.stringConvertible(true)) == .flag(true))
        #expect(LogValue(.stringConvertible(Double.nan)) == .string("nan") && LogValue("x") == .string("x"))
    }
}
