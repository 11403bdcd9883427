/// What a body tells of the abilities that a model needs for it, in the words of all APIs. Nothing here is refused: a member that
/// comes twice or in another spelling only tells less. Looks at no member that is not there.
extension RequestScanner {
    /// A member of the top level that must be read by nobody in one way only.
    mutating func hint(_ key: ScannedString) throws(RequestPeekError) {
        // What is no message shows no image.
        let images = peek.images
        guard key.isPlain else { return try leavingImages(images) }
        switch key.span.count {
        case 4 where matches(key.span, "text"):
            // Responses: {"format":{"type":"json_schema",…}}
            try members { (scanner, key) throws(RequestPeekError) in
                guard key.isPlain, scanner.matches(key.span, "format") else { return try scanner.value(depth: 3) }
                try scanner.jsonFormat(depth: 3)
            }
        case 5 where matches(key.span, "think"):
            // Ollama: true, or how hard.
            peek.thinking = try isSet()
        case 6 where matches(key.span, "format"):
            // Ollama: "json", or a schema.
            let first = base[position]
            let isSaid = try isSet()
            if isSaid, first == UInt8(ascii: "\"") || first == UInt8(ascii: "{") { peek.jsonMode = true }
        case 6 where matches(key.span, "images"): return try imageList(depth: 2)
        case 7 where matches(key.span, "options"): try ollamaOptions()
        case 7 where matches(key.span, "num_ctx"): peek.setsContext = try wholeNumber(depth: 2) > 0
        case 8 where matches(key.span, "thinking"):
            // Anthropic's.
            try typed { (scanner, type) in
                scanner.peek.thinking = scanner.matches(type, "enabled") || scanner.matches(type, "adaptive")
            }
        case 9 where matches(key.span, "reasoning"):
            try members { (scanner, key) throws(RequestPeekError) in
                guard key.isPlain, scanner.matches(key.span, "effort") else { return try scanner.value(depth: 3) }
                scanner.peek.thinking = try scanner.isEffort()
            }
        case 9 where matches(key.span, "functions"):
            let start = position
            try value(depth: 2)
            if base[start] == UInt8(ascii: "["), holdsSomething(start..<position) { peek.tools = true }
        case 10 where matches(key.span, "max_tokens"): try answerTokens(depth: 2)
        case 11 where matches(key.span, "tool_choice"): try toolChoice()
        case 13 where matches(key.span, "output_format"): try jsonFormat(depth: 2)
        case 13 where matches(key.span, "output_config"):
            try members { (scanner, key) throws(RequestPeekError) in
                guard key.isPlain, scanner.matches(key.span, "format") else { return try scanner.value(depth: 3) }
                try scanner.jsonFormat(depth: 3)
            }
        case 16 where matches(key.span, "reasoning_effort"): peek.thinking = try isEffort()
        case 17 where matches(key.span, "max_output_tokens"): try answerTokens(depth: 2)
        case 21 where matches(key.span, "max_completion_tokens"): try answerTokens(depth: 2)
        default: return try leavingImages(images)
        }
        peek.images = images
    }

    private mutating func leavingImages(_ images: Bool) throws(RequestPeekError) {
        try value(depth: 2)
        peek.images = images
    }

    // MARK: Members further down

    /// A member of an object that is not the top level, in which images are seen however their names are spelt.
    /// - Parameter depth: of its value.
    mutating func nested(_ key: ScannedString, depth: Int) throws(RequestPeekError) {
        guard key.isPlain else {
            if isImageName(key), holdsSomething { peek.images = true }
            return try value(depth: depth)
        }
        switch key.span.count {
        case 4:
            switch base[key.span.lowerBound] {
            case UInt8(ascii: "t"):
                // Anthropic's block.
                if startsHere("\"image\""), matches(key.span, "type") { peek.images = true }
            case UInt8(ascii: "d"):
                if matches(key.span, "data") { return try data(depth: depth) }
            default: break
            }
        case 5:
            // What a tool is called with.
            if base[position] == UInt8(ascii: "{"), matches(key.span, "input") { return try quietly(depth: depth) }
        case 6:
            // Ollama's.
            if base[position] == UInt8(ascii: "["), matches(key.span, "images") { return try imageList(depth: depth) }
        case 9:
            if matchesWithoutCase(key.span, "image_url") {
                if holdsSomething { peek.images = true }
            } else if base[position] == UInt8(ascii: "{"), matches(key.span, "arguments") {
                return try quietly(depth: depth)
            }
        case 11:
            if matchesWithoutCase(key.span, "input_image"), holdsSomething { peek.images = true }
        default: break
        }
        try value(depth: depth)
    }

    /// The value that comes is a text or an object. Some programs write null for what is not there.
    private var holdsSomething: Bool {
        base[position] == UInt8(ascii: "\"") || base[position] == UInt8(ascii: "{")
    }

    /// Escapes may hide it.
    private func isImageName(_ key: ScannedString) -> Bool {
        guard key.span.count <= 66 else { return false }
        return ["image_url", "input_image"].contains(Self.folded(unescaped(key.span)))
    }

    private mutating func quietly(depth: Int) throws(RequestPeekError) {
        let images = peek.images
        try value(depth: depth)
        peek.images = images
    }

    /// Ollama's images: a list of base64.
    private mutating func imageList(depth: Int) throws(RequestPeekError) {
        let (start, counted) = (position, peek.dataBytes)
        try value(depth: depth)
        guard base[start] == UInt8(ascii: "["), holdsSomething(start..<position) else { return }
        peek.images = true
        peek.dataBytes = counted + (position - start)
    }

    /// Bytes of a file, in base64; where it is text, it has other characters soon.
    private mutating func data(depth: Int) throws(RequestPeekError) {
        guard base[position] == UInt8(ascii: "\"") else { return try value(depth: depth) }
        let text = try string()
        guard text.span.count > Self.shortText else { return }
        let beginning = text.span.lowerBound..<text.span.lowerBound + Self.shortText
        if startsWithData(text.span) || beginning.allSatisfy({ Self.isBase64(base[$0]) }) {
            peek.dataBytes += text.span.count
        }
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "-"),
            UInt8(ascii: "_"), UInt8(ascii: "="):
            true
        default: false
        }
    }

    // MARK: Values

    /// Each member of the object that stands here; what is none is passed over.
    private mutating func members(
        _ member: (inout RequestScanner, ScannedString) throws(RequestPeekError) -> Void
    ) throws(RequestPeekError) {
        guard base[position] == UInt8(ascii: "{") else { return try value(depth: 2) }
        try object(depth: 2, member: member)
    }

    /// The `type` of the object that stands here, if it is a string without escapes.
    private mutating func typed(
        depth: Int = 2, _ found: (inout RequestScanner, Range<Int>) -> Void
    ) throws(RequestPeekError) {
        guard base[position] == UInt8(ascii: "{") else { return try value(depth: depth) }
        try object(depth: depth) { (scanner, key) throws(RequestPeekError) in
            guard key.isPlain, scanner.matches(key.span, "type"),
                scanner.base[scanner.position] == UInt8(ascii: "\"")
            else { return try scanner.value(depth: depth + 1) }
            let text = try scanner.string()
            if text.isPlain { found(&scanner, text.span) }
        }
    }

    private mutating func jsonFormat(depth: Int) throws(RequestPeekError) {
        try typed(depth: depth) { (scanner, type) in
            if !scanner.matches(type, "text") { scanner.peek.jsonMode = true }
        }
    }

    /// Neither null nor false nor an empty text.
    private mutating func isSet() throws(RequestPeekError) -> Bool {
        let start = position
        try value(depth: 2)
        return switch base[start] {
        case UInt8(ascii: "n"), UInt8(ascii: "f"): false
        case UInt8(ascii: "\""): position - start > 2
        default: true
        }
    }

    /// How hard the model is to think; "none" is not at all, and nothing is said by "auto" and "default".
    private mutating func isEffort() throws(RequestPeekError) -> Bool {
        guard base[position] == UInt8(ascii: "\"") else {
            try value(depth: 3)
            return false
        }
        let text = try string().span
        return !text.isEmpty && !matches(text, "none") && !matches(text, "auto") && !matches(text, "default")
    }

    /// "none", or Anthropic's {"type":"none"}.
    private mutating func toolChoice() throws(RequestPeekError) {
        if base[position] == UInt8(ascii: "\"") {
            peek.toolsOff = matches(try string().span, "none")
        } else {
            try typed { (scanner, type) in scanner.peek.toolsOff = scanner.matches(type, "none") }
        }
    }

    private mutating func ollamaOptions() throws(RequestPeekError) {
        try members { (scanner, key) throws(RequestPeekError) in
            if key.isPlain, scanner.matches(key.span, "num_predict") { return try scanner.answerTokens(depth: 3) }
            guard key.isPlain, scanner.matches(key.span, "num_ctx") else { return try scanner.value(depth: 3) }
            if try scanner.wholeNumber(depth: 3) > 0 { scanner.peek.setsContext = true }
        }
    }

    /// Of several that say it the largest counts.
    private mutating func answerTokens(depth: Int) throws(RequestPeekError) {
        peek.answerTokens = max(peek.answerTokens, try wholeNumber(depth: depth))
    }

    /// The whole part of the number that stands here; 0 if it is none, or negative.
    private mutating func wholeNumber(depth: Int) throws(RequestPeekError) -> UInt64 {
        let start = position
        try value(depth: depth)
        var count: UInt64 = 0
        for byte in UnsafeBufferPointer(start: base + start, count: min(position - start, 15)) {
            guard byte &- UInt8(ascii: "0") < 10 else { break }
            count = count * 10 + UInt64(byte - UInt8(ascii: "0"))
        }
        return count
    }
}
