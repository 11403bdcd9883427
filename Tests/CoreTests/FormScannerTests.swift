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
