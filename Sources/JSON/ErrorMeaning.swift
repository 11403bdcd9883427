/// What a server's error means, beyond its status: servers say the same in many words, and clients act upon a few. Pure.
public enum ErrorMeaning: Sendable, Equatable {
    /// The prompt, or the prompt and the answer it asks for, do not fit into the model's context.
    case fullContext(FullContext)
    /// Too many requests, or tokens, for now.
    case rateLimit
    /// The server has too much to do.
    case overload
    /// The account behind the gateway's key has nothing left to pay with: what only the operator can mend.
    case unpaid
    /// The key is missing or wrong.
    case refusedKey
    case other

    /// - Parameter status: of the answer; 200 for an error inside a success.
    public init(status: Int, _ told: ToldError) {
        let words = (told.message ?? "").prefix(4000).lowercased()
        let names = [told.type?.string, told.code?.string].compactMap { $0?.lowercased() }
        func isNamed(_ known: Set<String>) -> Bool { names.contains(where: known.contains) }
        if status == 402 || isNamed(Self.unpaidNames) || status < 500 && Self.speaksOfCredit(words) {
            self = status == 429 ? .rateLimit : .unpaid
        } else if isNamed(Self.rateLimitNames) {
            self = .rateLimit
        } else if FullContext.isMeant(status: status, names: names, words: words) {
            self = .fullContext(FullContext(words, told))
        } else if isNamed(Self.overloadNames) {
            self = .overload
        } else if Self.refusesKey(status: status, names: names, words: words) {
            self = .refusedKey
        } else {
            switch status {
            case 429: self = .rateLimit
            case 503, 529: self = .overload
            default: self = .other
            }
        }
    }

    /// Of an error inside a success that tells none: what the meaning says.
    public var status: Int? {
        switch self {
        case .fullContext: 400
        case .rateLimit: 429
        case .overload: 503
        case .unpaid: Self.paymentRequired
        case .refusedKey, .other: nil
        }
    }

    /// The status of what is unpaid: Anthropic's documentation and those of DeepSeek and OpenRouter have it.
    public static let paymentRequired = 402

    private static let unpaidNames: Set = [
        "billing_error", "billing_not_active", "billing_hard_limit_reached", "payment_required", "insufficient_credits",
        "insufficient_balance", "insufficient_funds",
    ]

    /// Anthropic's service says so under a 400.
    private static func speaksOfCredit(_ words: String) -> Bool {
        ["credit balance is too low", "insufficient balance", "insufficient credit", "not enough credits"].contains(
            where: words.contains)
    }

    private static let rateLimitNames: Set = [
        "rate_limit_error", "rate_limit_exceeded", "ratelimiterror", "too_many_requests", "insufficient_quota",
    ]
    private static let overloadNames: Set = [
        "overloaded_error", "overloaded", "unavailable_error", "service_unavailable", "service_unavailable_error",
        "engine_overloaded", "engine_overloaded_error",
    ]
    private static let keyNames: Set = [
        "authentication_error", "invalid_api_key", "invalid_authentication_error", "unauthenticated", "no_auth",
    ]

    private static let keyWords = [
        "api key", "api-key", "api_key", "apikey", "bad key", "wrong key", "invalid key", "unknown key", "missing key",
        "access token", "invalid token", "bearer", "credential", "authenticat",
    ]

    /// A 401 says so. A 403 does only in words: servers and the proxies before them also answer so to a place, a network, a
    /// missing field or a text they do not like, and to a key that is good, but not for this model.
    private static func refusesKey(status: Int, names: [String], words: String) -> Bool {
        guard status == 403 else { return status == 401 }
        if names.contains(where: keyNames.contains) { return true }
        return keyWords.contains(where: words.contains)
            && !["permission", "access to", "not allowed"].contains(where: words.contains)
    }
}

/// A context that is too small for what was sent. The numbers are those of the server's words, as far as they can be told apart.
public struct FullContext: Sendable, Equatable {
    /// Tokens of the prompt, or of all that was asked for where the server does not tell them apart.
    public var asked: Int?
    /// Tokens that fit.
    public var limit: Int?
    /// Tokens that the answer may have, where the prompt alone would fit.
    public var answer: Int?

    public init(asked: Int? = nil, limit: Int? = nil, answer: Int? = nil) {
        self.asked = asked
        self.limit = limit
        self.answer = answer
    }

    // MARK: Recognising

    /// Types and codes that mean nothing else.
    private static let names: Set = [
        "context_length_exceeded", "exceed_context_size_error", "context_window_exceeded",
        "context_window_exceeded_error",
        "model_context_window_exceeded", "contextwindowexceedederror", "tokens_limit_reached", "prompt_too_long",
        "model_max_prompt_tokens_exceeded", "max_context_length_exceeded", "context_size_exceeded",
    ]
    /// Words that mean nothing else.
    private static let phrases = [
        "prompt is too long", "prompt too long", "input is too long", "input too long", "context too long",
        "context is too long", "too many tokens", "input is too large to process", "reduce the length of the messages",
        "reduce the length of your prompt", "reduce your prompt", "exceed context limit", "context overflow",
        "context the overflows", "context size has been exceeded", "exceeded model token limit",
        "reached context length",
        "exceeds the limit of tokens", "too large for model with",
    ]
    /// Of these one, and one of those that follow.
    private static let places = [
        "context length", "context window", "context size", "context limit", "maximum context", "max context",
        "maximum prompt length", "maximum model length", "maximum input length", "maximum allowed length",
        "max_seq_len",
        "max_model_len", "max_position_embeddings", "input token count", "prompt token count", "`inputs` tokens",
        "`inputs` must have",
        "tokens to keep", "prompt contains", "number of tokens in the prompt", "body too large for", "input tokens",
    ]
    private static let excesses = [
        "exceed", "longer than", "larger than", "greater than", "bigger than", "too long", "too large", "too many",
        "more than", "however", "must be <", "must have less", "overflow", "not enough", "but the request contains",
        "does not fit", "doesn't fit", "full", "reached", "max size",
    ]

    static func isMeant(status: Int, names: [String], words: String) -> Bool {
        if names.contains(where: Self.names.contains) { return true }
        switch status {
        case 200..<300, 400, 413, 422, 500: break
        default: return false
        }
        // A limit of tokens in a time is another.
        guard !["per min", "per day", "per second", "per hour", "tpm", "rate limit"].contains(where: words.contains)
        else {
            return false
        }
        return phrases.contains(where: words.contains)
            || places.contains(where: words.contains) && excesses.contains(where: words.contains)
    }

    // MARK: Numbers

    /// - Parameter words: in lower case.
    init(_ words: String, _ told: ToldError) {
        if let asked = told.promptTokens, let limit = told.contextTokens, asked > limit, limit > 0 {
            self.init(asked: Int(asked), limit: Int(limit))
            return
        }
        let numbers = Number.all(in: Array(words.utf8))
        guard let most = numbers.map(\.value).max() else {
            self.init()
            return
        }
        let input = numbers.first { $0.use == .input }?.value
        let answer = numbers.first { $0.use == .answer }?.value
        let total = max(most, (input ?? 0) + (answer ?? 0))
        let rest = numbers.filter { ($0.use == .limit || $0.use == .unknown) && $0.value < total }
        let limit = rest.filter { $0.use == .limit }.map(\.value).max() ?? rest.map(\.value).max()
        self.init(limit: limit)
        guard let limit else { return }
        if let input, let answer, input <= limit {
            if input + answer > limit { (asked, self.answer) = (input, answer) }
        } else {
            asked = input.map { max($0, limit) == $0 && $0 > limit ? $0 : total } ?? total
        }
    }

    /// A number of a text, and what the words around it say that it counts.
    private struct Number {
        enum Use { case input, answer, limit, unknown }
        var value: Int
        var use: Use

        /// Numbers of a text that are looked at.
        private static let most = 16

        static func all(in text: [UInt8]) -> [Number] {
            var numbers: [Number] = []
            var index = 0
            while index < text.count, numbers.count < most {
                guard isDigit(text[index]) else {
                    index += 1
                    continue
                }
                let start = index
                var value = 0
                while index < text.count, value < 1_000_000_000 {
                    if isDigit(text[index]) {
                        value = value * 10 + Int(text[index] - 0x30)
                    } else if !isSeparator(text, index) {
                        break
                    }
                    index += 1
                }
                let before = start > 0 ? text[start - 1] : 0x20
                let after = index < text.count ? text[index] : 0x20
                // Parts of names and of broken numbers count nothing.
                if isPart(before) || isLetter(after) || isDigit(after)
                    || after == UInt8(ascii: ".") && index + 1 < text.count && isDigit(text[index + 1])
                {
                    continue
                }
                if value > 0 { numbers.append(Number(value: value, use: use(text, start, index))) }
            }
            return numbers
        }

        private static func use(_ text: [UInt8], _ start: Int, _ end: Int) -> Use {
            let after = String(decoding: text[end..<min(text.count, end + 32)], as: UTF8.self)
            let near = after.prefix { $0 != "," && $0 != ")" && $0 != "(" && $0 != ">" && !$0.isNumber }
            if ["completion", "output", "`max_new_tokens`", "max_tokens", "in the answer"].contains(
                where: near.contains)
            {
                return .answer
            }
            if ["messages", "input", "prompt"].contains(where: near.contains) { return .input }
            let before = String(decoding: text[max(0, start - 44)..<start], as: UTF8.self)
            let last = before.split(whereSeparator: { $0.isNumber || $0 == "(" }).last.map(String.init) ?? before
            // Anthropic's "input + answer > limit".
            if last.hasSuffix("+ ") { return .answer }
            if after.hasPrefix(" + ") { return .input }
            if last.hasSuffix("> ") || last.hasSuffix("<= ") { return .limit }
            if ["requested", "resulted", "given", "contains", "request ", "length is "].contains(where: last.contains),
                !["maximum", "context"].contains(where: last.contains)
            {
                return .unknown
            }
            let limits = [
                "maximum", "max ", "limit", "context", "only", "at most", "less than", "allowed", "up to", "size",
            ]
            if limits.contains(where: last.contains) || ["maximum", "context", "limit"].contains(where: near.contains) {
                return .limit
            }
            return .unknown
        }

        private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) || byte == 0x5F }

        private static func isPart(_ byte: UInt8) -> Bool {
            isLetter(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "/")
        }

        /// A comma between three digits and others.
        private static func isSeparator(_ text: [UInt8], _ index: Int) -> Bool {
            text[index] == UInt8(ascii: ",") && index + 3 < text.count
                && text[index + 1...index + 3].allSatisfy(isDigit)
                && (index + 4 == text.count || !isDigit(text[index + 4]))
        }
    }
}
