import Core
import JSON

extension FuzzTarget {
    /// The body of a request, as routing looks into it.
    static let requestBody = FuzzTarget("request-body") { bytes throws(Broken) in
        let outcome = withExact(bytes) { raw in Result { () throws(RequestPeekError) in try RequestScanner.scan(raw) } }
        let parsed = try? JSONValue.parse(bytes)
        switch outcome {
        case .success(let peek):
            guard let parsed else { throw Broken("what is no JSON is taken: \(text(bytes))") }
            try require(
                parsed["model"]?.string == peek.model,
                "the model is \(peek.model), for others \(parsed["model"] ?? .null)")
            try require(
                (parsed["stream"]?.bool ?? false) == peek.stream, "it is a stream for one reader, and not for another")
            try require(peek.model.utf8.count <= RequestPeek.maximumName, "the name is too long")
            // Another name may take the place of this one, and nothing else changes.
            var other = bytes
            other.replaceSubrange(peek.modelSpan, with: Array("\"other\"".utf8))
            let again = withExact(other) { try? RequestScanner.scan($0) }
            try require(again?.model == "other", "another name in its place is not read")
            try require(again?.stream == peek.stream && again?.tools == peek.tools, "another name changes the rest")
        case .failure(.malformed(let offset, _)):
            try require((0...bytes.count).contains(offset), "the fault is at \(offset)")
            try require(parsed == nil || bytes.starts(with: [0xEF]), "what is JSON is called malformed")
        case .failure(let error):
            try require(error.message.utf8.count <= 4096, "a message of \(error.message.utf8.count) bytes")
        }
    }

    /// A form: its content type on the first line, then its body.
    static let form = FuzzTarget("form") { bytes throws(Broken) in
        let end = bytes.firstIndex(of: 0x0A) ?? bytes.endIndex
        let type = text(bytes[..<end])
        _ = FormScanner.isForm(type)
        let body = Array(bytes[end...].dropFirst())
        func scan(_ body: [UInt8]) -> RequestPeek? { withExact(body) { try? FormScanner.scan($0, contentType: type) } }
        guard let peek = scan(body) else { return }
        try require(peek.modelSpan.upperBound <= body.count, "the model lies outside of the body")
        try require(text(body[peek.modelSpan]) == peek.model, "the model is not what stands there")
        var other = body
        other.replaceSubrange(peek.modelSpan, with: Array("other".utf8))
        let again = scan(other)
        try require(again?.model == "other" && again?.stream == peek.stream, "another name in its place is not read")
    }

    /// JSON, as a value and as a stream that is only looked at; and what a server's error says.
    static let json = FuzzTarget("json") { bytes throws(Broken) in
        let scan = try sameHoweverCut(bytes, "the scan") { pieces in
            var scan = JSONScan()
            for piece in pieces { withExact(piece) { scan.feed($0) } }
            return "\(scan.isWhole) \(scan.isBroken) \(scan.mayBeError) \(scan.members.rawValue) \(scan.hasUsage) "
                + "\(scan.kind.map { "\($0)" } ?? "-") \(scan.error.map { "\($0.start) \($0.end ?? -1)" } ?? "-")"
        }
        _ = ToldError.body(bytes)
        guard let value = try? JSONValue.parse(bytes) else { return }
        try require(
            scan.hasPrefix("true false") || bytes.starts(with: [0xEF]), "JSON is not whole for the scan: \(scan)")
        for isForHTML in [false, true] {
            var writer = JSONWriter(escapingForHTML: isForHTML)
            writer.value(value)
            let written = writer.bytes
            guard let again = try? JSONValue.parse(written) else {
                throw Broken("what is written is no JSON: \(text(written))")
            }
            try require(again == value, "\(text(written)) is not what was written")
            if isForHTML { try require(!written.contains(UInt8(ascii: "<")), "a \"<\" for HTML") }
        }
        if let told = ToldError.inside(value) {
            try require(
                (told.message?.count ?? 0) <= ToldError.messageLimit + 16, "words of \(told.message?.count ?? 0)")
            _ = ErrorMeaning(status: 400, told).status
        }
    }
}
