import ABIRules
import AdapterHost
import JSON
import PluginAPI

extension FuzzTarget {
    /// The signatures of adapters' actions, and their schemas: the schema, a line, and options for it.
    static let signature = FuzzTarget("signature") { bytes throws(Broken) in
        let source = text(bytes)
        switch Result(catching: { () throws(ActionSignature.Problem) in try ActionSignature(source) }) {
        case .success(let signature): try same(signature)
        case .failure(let problem):
            try require((0...source.utf8.count).contains(problem.position), "a fault at \(problem.position)")
            try require(problem.reason.utf8.count <= 512, "a reason of \(problem.reason.utf8.count) bytes")
        }
        let end = bytes.firstIndex(of: 0x0A) ?? bytes.endIndex
        let (schema, options) = (text(bytes[..<end]), text(bytes[end...].dropFirst()))
        let problem = OptionsSchema.problem(options: options, schema: schema)
        try require(problem == OptionsSchema.problem(options: options, schema: schema), "a schema is read in two ways")
    }

    /// Written as the grammar has it, it is the same signature.
    private static func same(_ signature: ActionSignature) throws(Broken) {
        let parameters = signature.parameters.map { parameter in
            let value = parameter.defaultValue.map { " = " + text($0.bytes) } ?? ""
            return parameter.name + " : " + parameter.kind.rawValue + (parameter.isOptional ? "?" : value)
        }
        let written = "(" + parameters.joined(separator: ", ") + ") -> " + (signature.givesResult ? "json" : "none")
        guard let again = try? ActionSignature(written) else { throw Broken("\(written) is no signature") }
        try require(again == signature, "\(written) is another signature")
    }

    /// What crosses the ABI: texts, header fields, and structures whose size the other side tells.
    static let abi = FuzzTarget("abi") { bytes throws(Broken) in
        try texts(bytes)
        try structures(bytes)
        try withExact(bytes) { raw throws(Broken) in try fields(raw) }
    }

    private static func texts(_ bytes: [UInt8]) throws(Broken) {
        try withExact(bytes) { raw throws(Broken) in
            let lent = nexus_str(ptr: raw.assumingMemoryBound(to: CChar.self).baseAddress, len: raw.count)
            for limit in [0, 5, ABILimits.id] {
                try require(BorrowedText.string(lent, limit: limit).utf8.count <= 3 * limit, "a text beyond its limit")
            }
            let line = BorrowedText.line(lent, limit: 200)
            try require(!line.utf8.contains(where: TextRules.isControl), "a control character in a line")
            if let id = ReportRules.modelID(lent) {
                try require(!id.isEmpty && !id.utf8.contains(where: TextRules.isControl), "the model \(id)")
            }
            let body = AnswerRules.failureBody(lent)
            try require(body.isEmpty || body == bytes, "the body of a failure is another one")
            _ = TextRules.problem(raw, "it", limit: 9)
            // A length without data, and lengths that no memory has.
            for length in [bytes.count, Int.max, Int.min, -1] where length != 0 {
                let absurd = nexus_str(ptr: nil, len: length)
                try require(BorrowedText.string(absurd, limit: 9).isEmpty, "a text of nothing")
            }
        }
    }

    /// The bytes as a structure of just the size that its first four say.
    private static func structures(_ bytes: [UInt8]) throws(Broken) {
        guard bytes.count >= 8 else { return }
        let size = Int(bytes[0]) | Int(bytes[1]) << 8
        let end = max(8, min(size, 4096))
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: end, alignment: 16)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        memory.copyBytes(from: bytes.prefix(end))
        // Texts of it would lead anywhere: only its figures are looked at.
        func read<Value>(_ type: Value.Type, _ minimum: Int) throws(Broken) -> Value? {
            let pointer = UnsafeRawPointer(memory.baseAddress)?.assumingMemoryBound(to: type)
            let value = Versioned.read(pointer, minimum: minimum)
            let told = memory.load(as: UInt32.self)
            try require(
                value == nil || (minimum...Versioned.maximum).contains(Int(told)),
                "a structure of \(told) bytes is taken")
            return value
        }
        if let health = try read(nexus_health.self, Versioned.Minimum.health) {
            _ = ReportRules.latency(health.latency_ms)
        }
        _ = try read(nexus_model.self, Versioned.Minimum.model)
        _ = try read(nexus_http_request.self, Versioned.Minimum.httpRequest)
        _ = try read(nexus_response_head.self, Versioned.Minimum.responseHead)
        _ = try read(nexus_failure.self, Versioned.Minimum.failure)
        if let outcome = try read(nexus_outcome.self, Versioned.Minimum.outcome) {
            try require((AnswerRules.count(outcome.prompt_tokens) ?? 0) <= ABILimits.count, "a count beyond its limit")
        }
        _ = try read(nexus_progress.self, Versioned.Minimum.progress)
    }

    /// Lines as header fields of a request that an adapter sends, and of answers that pass.
    private static func fields(_ raw: UnsafeRawBufferPointer) throws(Broken) {
        func lent(_ part: Slice<UnsafeRawBufferPointer>) -> nexus_str {
            let part = UnsafeRawBufferPointer(rebasing: part)
            return nexus_str(ptr: part.assumingMemoryBound(to: CChar.self).baseAddress, len: part.count)
        }
        let lines = raw.split(separator: 0x0A, omittingEmptySubsequences: false)
        let headers = lines.dropFirst(2).map { line in
            let colon = line.firstIndex(of: 0x3A) ?? line.endIndex
            return nexus_header(name: lent(line[..<colon]), value: lent(line[colon...].dropFirst()))
        }
        for rules in [PassedHeaders.ofClients, .ofServers] {
            let taken = headers.withUnsafeBufferPointer { rules.taken($0.baseAddress, count: $0.count) }
            try require(taken.count <= ABILimits.passedHeaders, "\(taken.count) fields pass")
            for field in taken {
                let isSound =
                    withExact(field.name.utf8) { FieldRules.isToken($0) }
                    && withExact(field.value.utf8) { FieldRules.isValue($0) }
                try require(isSound && !field.value.isEmpty, "the field \(field) passes")
            }
            try require(
                rules.taken(taken.filter { rules.takes($0.name) }).count == taken.filter { rules.takes($0.name) }.count,
                "what has passed does not pass again")
        }
        headers.withUnsafeBufferPointer { headers in
            var request = nexus_http_request()
            request.struct_size = UInt32(MemoryLayout<nexus_http_request>.size)
            request.method = lent(lines[0][...])
            if lines.count > 1 { request.path = lent(lines[1][...]) }
            request.headers = headers.baseAddress
            request.header_count = headers.count
            if let checked = try? HTTPRequestRules.check(request, hasExchange: false) {
                // None of them can end a line of the request.
                var isSound = checked.path.first == UInt8(ascii: "/") && !checked.path.contains { $0 <= 0x20 }
                checked.forEachField { isSound = isSound && FieldRules.isToken($0) && FieldRules.isValue($1) }
                precondition(isSound, "a request that is none is sent")
            }
        }
    }
}
