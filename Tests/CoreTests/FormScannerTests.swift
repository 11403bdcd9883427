import Testing

@testable import Core

@Suite struct FormScannerTests {
    private static let type = "multipart/form-data; boundary=xyz"

    private func scan(_ body: String, _ type: String = type) throws -> RequestPeek {
        try Array(body.utf8).withUnsafeBytes { try FormScanner.scan($0, contentType: type) }
    }

    @Test func theModelIsFoundAndItsSpanIsTheValueAlone() throws {
        let body =
            part("file", "\r\n--xy\r\nRIFF\0", "; filename=\"a.wav\"") + part("model", "whisper:1") + "--xyz--\r\n"

        let peek = try scan(body)

        #expect(peek.model == "whisper:1" && !peek.stream && !peek.streamIsGiven)
        #expect(String(decoding: Array(body.utf8)[peek.modelSpan], as: UTF8.self) == "whisper:1")
    }

    @Test(arguments: [("true", true), ("1", true), ("True", true), ("false", false), ("", false)])
    func streamIsRead(_ value: String, _ expected: Bool) throws {
        let peek = try scan(part("stream", value) + part("model", "m") + "--xyz--")

        #expect(peek.stream == expected && peek.streamIsGiven)
    }

    @Test(arguments: ["multipart/form-data; boundary=\"xyz\"", "Multipart/Form-Data;charset=utf-8; BOUNDARY=xyz"])
    func aBoundaryMayBeQuotedAndParametersHaveNoCase(_ type: String) throws {
        #expect(try scan(part("model", "m") + "--xyz--", type).model == "m")
    }

    @Test func ofANameBeyondTheLimitTheBeginningIsKept() {
        let name = String(repeating: "é", count: 513)
        let error = #expect(throws: RequestPeekError.self) { try scan(part("model", name) + "--xyz--") }
        #expect(error == .modelTooLong(beginning: String(repeating: "é", count: 256)))
    }

    @Test func nothingOfAFileIsTakenForAField() throws {
        let file = "Content-Disposition: form-data; name=\"model\"\r\n\r\nno"

        #expect(try scan(part("file", file) + part("model", "yes") + "--xyz--").model == "yes")
    }

    @Test(arguments: [
        ("--xyz--", "model"), (part("n", "v") + "--xyz--", "model"), ("", "boundary"), ("--abc--", "boundary"),
        (part("model", "m"), "no end"), ("--xyz\r\nno fields\r\n--xyz--", "header fields"),
    ])
    func whatIsNoFormOrHasNoModelIsRefusedWithItsReason(_ body: String, _ reason: String) {
        let error = #expect(throws: RequestPeekError.self) { try scan(body) }
        #expect(error?.message.contains(reason) == true)
    }

    private static let ambiguous: [(body: String, reason: String)] = [
        (part("model", "a") + part("model", "b"), "twice"), (part("model", "a") + part("Model", "b"), "exactly"),
        (part("model", "a") + part("mod\\el", "b"), "exactly so|twice"),
        (part("model", "a") + part("mo%64el", "b"), "exactly"),
        (part("model", "a") + part("x", "b", "; name=\"model\""), "one name"),
        (part("model", "a") + part("x", "b", "; name*=utf-8''model"), "name*"),
        (part("model", "a", "; filename=\"m\""), "is a file"), (part("stream", "yes"), "true or false"),
        (part("stream", "1") + part("stream", "0"), "twice"),
        (part("model", "a", "\r\nContent-Transfer-Encoding: base64"), "plain"),
        (part("model", "a", "\r\nContent-Type: text/plain; charset=utf-16"), "plain"),
        (part("model", "a", "\r\nContent-Disposition: form-data; name=\"b\""), "two Content-Disposition"),
        (part("model", "a", ";\r\n filename=b"), "folded"), (part("model", "a", "\nx: y"), "bare line end"),
        ("--xyz\r\nContent-Type: text/plain\r\n\r\nv\r\n", "no Content-Disposition"),
        ("--xyz\r\nContent-Disposition: attachment; name=\"model\"\r\n\r\nv\r\n", "cannot be read"),
        (part("model", String(repeating: "q", count: 1025)), "longer"),
        ("preamble\r\n" + part("model", "a"), "boundary"),
        ("--xyzz\r\n" + part("model", "a"), "line of its own"),
    ]

    @Test(arguments: ambiguous)
    func whatTwoReadersCouldTakeInDifferentWaysIsRefused(_ body: String, _ reason: String) {
        let error = #expect(throws: RequestPeekError.self) { try scan(body + "--xyz--") }
        #expect(
            reason.split(separator: "|").contains { error?.message.contains($0) == true }, "\(error?.message ?? "")")
    }

    @Test func whatClientsReallySendIsTaken() throws {
        let odd =
            "--xyz\r\ncontent-type: text/plain; charset=UTF-8\r\nCONTENT-DISPOSITION: form-data;name=model\r\n\r\nm\r\n"
        let file = part("file", "abc", "; filename=\"a \\\"b\\\"; name=model.wav\"; filename*=utf-8''a.wav")

        #expect(try scan("\r\n" + file + odd + "--xyz--\r\n").model == "m")
    }

    @Test func whatFollowsTheEndIsRefused() {
        #expect(throws: RequestPeekError.form(reason: "something follows its end")) {
            try scan(part("model", "a") + "--xyz--\r\n" + part("model", "b"))
        }
    }

    @Test func aFormHasOnlySoManyParts() {
        let error = #expect(throws: RequestPeekError.self) {
            try scan(String(repeating: part("a", ""), count: 1001) + part("model", "m") + "--xyz--")
        }
        #expect(error?.message.contains("more than 1000 parts") == true)
    }

    @Test func aTypeWithoutBoundaryIsRefused() {
        #expect(throws: RequestPeekError.form(reason: "its boundary is missing")) {
            try scan(part("model", "m"), "multipart/form-data")
        }
    }

    @Test func everyCutOfAFormIsRefusedWithoutACrash() {
        let body = Array((part("file", "abc") + part("model", "m") + "--xyz--").utf8)
        for count in 0..<body.count - 2 {
            #expect(throws: RequestPeekError.self) {
                try body[..<count].withUnsafeBytes { try FormScanner.scan($0, contentType: Self.type) }
            }
        }
    }

    @Test func onlyFormsAreForms() {
        #expect(FormScanner.isForm("multipart/form-data; boundary=x") && FormScanner.isForm("Multipart/Form-Data"))
        #expect(!FormScanner.isForm("application/json") && !FormScanner.isForm(""))
    }
}

private func part(_ name: String, _ value: String, _ more: String = "") -> String {
    "--xyz\r\nContent-Disposition: form-data; name=\"\(name)\"\(more)\r\n\r\n\(value)\r\n"
}
