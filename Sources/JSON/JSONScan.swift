/// Checks one JSON text (RFC 8259) that comes in pieces, cut anywhere: whether it is whole, and whether its outermost
/// object speaks of an error. Nothing is kept and nothing is allocated, so that long answers can be checked on their way.
///
/// As strict as `JSONValue.parse`: what one takes the other takes. Of two members with the same name the last one counts,
/// and a name that is spelled with escapes is that name.
public struct JSONScan: Sendable {
    /// Objects and arrays within one another; more is refused.
    public static let maximumDepth = 256

    public enum Kind: Sendable, Equatable { case object, array, other }

    private enum State: UInt8 {
        case value, firstItem, firstMember, name, colon, next, end
        case string, escape, hex, utf8, word, mark
        case minus, zero, integer, point, fraction, exponent, exponentSign, exponentDigits
        case broken

        /// Outside of strings, words and numbers, where space may stand.
        var isBetween: Bool { rawValue <= State.end.rawValue }
    }

    /// A member of the outermost object that matters here.
    private enum Member: UInt8 { case other, error, object, type, usage, answer }

    /// A member of one of the choices of an answer that matters here.
    private enum ChoiceMember: UInt8 { case other, error, finishReason }

    /// Members of an outermost object of which one makes it an answer, and what their values have to be.
    public struct Members: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Lists.
        public static let choices = Members(rawValue: 1)
        public static let data = Members(rawValue: 2)
        public static let output = Members(rawValue: 4)
        public static let results = Members(rawValue: 8)
        public static let content = Members(rawValue: 16)
        /// A number.
        public static let inputTokens = Members(rawValue: 32)
        /// A text.
        public static let text = Members(rawValue: 64)
    }

    private var state = State.value
    /// A bit for each open bracket, the innermost lowest: set for an object.
    private var brackets: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    private var depth = 0
    /// Bytes of the pieces before this one.
    private var offset = 0

    /// The string under way is the name of a member.
    private var isName = false
    /// The characters of the string under way are collected.
    private var collects = false
    private var collected: UInt64 = 0
    private var collectedCount = 0
    /// Of an escape, a character or a word: bytes to come, and what they have to be.
    private var pending = 0
    private var unit: UInt32 = 0
    private var allowed: (UInt8, UInt8) = (0x80, 0xBF)
    private var word: UInt64 = 0

    private var member = Member.other
    /// Which one, where the member is one that makes an answer.
    private var answerMember: Members = []
    private var choiceMember = ChoiceMember.other
    private var knowsFirstMember = false
    /// The members "object" and "type" that are "error".
    private var labels: (object: Bool, type: Bool) = (false, false)
    private var errorStart: Int?
    private var errorEnd: Int?
    /// The error that is known is more than a text or a number, which may say that there is none.
    private var isErrorCertain = false
    /// How deep the error under way stands; 0: none is under way.
    private var errorDepth = 0

    /// The members that came with a value of their kind; of two with the same name the last one counts.
    public private(set) var members: Members = []
    /// One of the choices ended because of an error.
    public private(set) var isChoiceFailed = false
    /// What the text is; nil while nothing but space has come.
    public private(set) var kind: Kind?
    /// The outermost object has a member "usage" that is not null.
    public private(set) var hasUsage = false
    /// Some text has an escape of UTF-16's surrogates: half of a character, most often beside the other.
    public private(set) var hasSurrogates = false

    public init() {}

    /// Checks a text that is there at once.
    public init(_ bytes: UnsafeRawBufferPointer) { feed(bytes) }

    /// Whatever comes, it will be no JSON.
    public var isBroken: Bool { state == .broken }

    /// All that came is one whole value; more would have to be space, or digits behind a number.
    public var isWhole: Bool {
        switch state {
        case .end: true
        case .zero, .integer, .fraction, .exponentDigits: depth == 0
        default: false
        }
    }

    /// Where in the text the value of the outermost object's member "error" stands, or of one of its choices; its end may
    /// still have to come. Nil if there is none, or it is null or false. Of two the first that says something counts: what
    /// follows does not unsay it.
    public var error: (start: Int, end: Int?)? { errorStart.map { ($0, errorEnd) } }

    /// The outermost object has a member "object" or "type" that is "error".
    public var isLabelledError: Bool { labels.object || labels.type }

    /// Enough has come to tell what the text begins as: for an object its first member, with as much of its value as tells
    /// whether it is an error.
    public var isDecided: Bool { isBroken || kind != nil && (kind != .object || knowsFirstMember || state == .end) }

    /// The outermost object says that it is an error, or has a member that may say so.
    public var mayBeError: Bool { errorStart != nil || isLabelledError || isChoiceFailed }

    /// The next piece; borrowed for the call.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        let base = start.assumingMemoryBound(to: UInt8.self)
        let count = bytes.count
        var index = 0
        while index < count, state != .broken {
            index = state.isBetween ? structure(base, count, index) : inside(base, count, index)
        }
        offset += count
    }

    // MARK: Steps

    /// The byte at `index` stands between values, names and brackets; gives the index of the next one to look at. Compared
    /// and not switched over: a branch that is foreseen costs less than a jump through a table.
    @inline(__always)
    private mutating func structure(_ base: UnsafePointer<UInt8>, _ count: Int, _ index: Int) -> Int {
        let byte = base[index]
        if Self.isSpace(byte) { return index &+ 1 }
        if state == .next {
            endMember(index)
            if byte == UInt8(ascii: ",") {
                state = isInObject ? .name : .value
                return index &+ 1
            }
            guard byte == (isInObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else { return broken(index) }
            return close(index)
        }
        if state == .value { return value(base, count, index) }
        if byte == UInt8(ascii: "\""), state == .name || state == .firstMember {
            beginString(isName: true, collects: isNameLookedAt)
            return string(base, count, index &+ 1)
        }
        if state == .colon, byte == UInt8(ascii: ":") {
            state = .value
            return index &+ 1
        }
        if state == .firstItem { return byte == UInt8(ascii: "]") ? close(index) : value(base, count, index) }
        if state == .firstMember, byte == UInt8(ascii: "}") { return close(index) }
        return broken(index)
    }

    /// The byte at `index` stands within a string, a word or a number.
    private mutating func inside(_ base: UnsafePointer<UInt8>, _ count: Int, _ index: Int) -> Int {
        switch state {
        case .string: return string(base, count, index)
        case .escape: return escape(base[index], index)
        case .hex: return hex(base[index], index)
        case .utf8: return continuation(base[index], index)
        case .word: return literal(base[index], index)
        case .mark:
            guard base[index] == (pending == 2 ? 0xBB : 0xBF) else { return broken(index) }
            pending -= 1
            if pending == 0 { state = .value }
            return index + 1
        case .broken: return count
        default: return number(base, count, index)
        }
    }

    @inline(__always)
    private mutating func value(_ base: UnsafePointer<UInt8>, _ count: Int, _ index: Int) -> Int {
        let byte = base[index]
        if depth <= 1 {
            beginMember(byte, index)
        } else if choiceMember != .other, depth == 3, isInObject {
            if choiceMember == .error { noteError(byte, index) }
        }
        if byte == UInt8(ascii: "\"") {
            let isReason = choiceMember == .finishReason && depth == 3 && isInObject
            beginString(isName: false, collects: depth == 1 && (member == .object || member == .type) || isReason)
            return index &+ 1
        }
        if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
            guard depth < Self.maximumDepth else { return broken(index) }
            open(isObject: byte == UInt8(ascii: "{"))
            return index &+ 1
        }
        if byte == UInt8(ascii: "-") || byte &- 0x30 < 10 {
            state = byte == UInt8(ascii: "-") ? .minus : byte == UInt8(ascii: "0") ? .zero : .integer
            return number(base, count, index &+ 1)
        }
        switch byte {
        case UInt8(ascii: "t"): return word(0x6575_7274, 4, base, count, index)
        case UInt8(ascii: "f"): return word(0x65_736C_6166, 5, base, count, index)
        case UInt8(ascii: "n"): return word(0x6C6C_756E, 4, base, count, index)
        case 0xEF where depth == 0 && offset + index == 0:
            state = .mark
            pending = 2
            return index &+ 1
        default: return broken(index)
        }
    }

    /// A value outside of all brackets, or of a member of the outermost object, begins.
    private mutating func beginMember(_ byte: UInt8, _ index: Int) {
        if depth == 0 {
            if byte != 0xEF { kind = byte == UInt8(ascii: "{") ? .object : byte == UInt8(ascii: "[") ? .array : .other }
            return
        }
        guard kind == .object else { return }
        let isNull = byte == UInt8(ascii: "n")
        switch member {
        case .error:
            noteError(byte, index)
            knowsFirstMember = true
        case .object, .type:
            label(false)
            if byte != UInt8(ascii: "\"") { knowsFirstMember = true }
        case .usage: hasUsage = !isNull
        case .answer:
            let isOfKind =
                switch answerMember {
                case .inputTokens: byte &- 0x30 < 10
                case .text: byte == UInt8(ascii: "\"")
                default: byte == UInt8(ascii: "[")
                }
            if isOfKind { members.insert(answerMember) } else { members.remove(answerMember) }
        case .other: break
        }
    }

    /// The value of a member "error" begins.
    private mutating func noteError(_ byte: UInt8, _ index: Int) {
        guard byte != UInt8(ascii: "n"), byte != UInt8(ascii: "f"), !isErrorCertain else { return }
        let isCertain = byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "t")
        guard isCertain || errorStart == nil else { return }
        isErrorCertain = isCertain
        errorStart = offset + index
        errorEnd = nil
        errorDepth = depth
    }

    private mutating func label(_ isError: Bool) {
        if member == .object { labels.object = isError } else { labels.type = isError }
    }

    private mutating func endMember(_ index: Int) {
        guard errorDepth != 0, depth == errorDepth else { return }
        errorEnd = offset + index
        errorDepth = 0
    }

    private mutating func broken(_ index: Int) -> Int {
        state = .broken
        return index
    }

    // MARK: Brackets

    private var isInObject: Bool { brackets.0 & 1 != 0 }

    /// The name that begins may be one of those which are looked for.
    private var isNameLookedAt: Bool { depth == 1 || depth == 3 && member == .answer && answerMember == .choices }

    private mutating func open(isObject: Bool) {
        if depth >= 64 {
            brackets.3 = brackets.3 << 1 | brackets.2 >> 63
            brackets.2 = brackets.2 << 1 | brackets.1 >> 63
            brackets.1 = brackets.1 << 1 | brackets.0 >> 63
        }
        brackets.0 = brackets.0 << 1 | (isObject ? 1 : 0)
        depth += 1
        state = isObject ? .firstMember : .firstItem
    }

    private mutating func close(_ index: Int) -> Int {
        brackets.0 >>= 1
        if depth > 64 {
            brackets.0 |= brackets.1 << 63
            brackets.1 = brackets.1 >> 1 | brackets.2 << 63
            brackets.2 = brackets.2 >> 1 | brackets.3 << 63
            brackets.3 >>= 1
        }
        depth -= 1
        endValue()
        return index + 1
    }

    private mutating func endValue() { state = depth == 0 ? .end : .next }

    // MARK: Words and numbers

    /// - Parameters:
    ///   - letters: the first lowest; the first is there.
    ///   - length: of the word.
    private mutating func word(
        _ letters: UInt64, _ length: Int, _ base: UnsafePointer<UInt8>, _ count: Int, _ index: Int
    ) -> Int {
        if count - index >= 8, Self.eight(base + index) & (~0 >> UInt64(64 - 8 * length)) == letters {
            endValue()
            return index + length
        }
        word = letters >> 8
        pending = length - 1
        state = .word
        return index + 1
    }

    private mutating func literal(_ byte: UInt8, _ index: Int) -> Int {
        guard byte == UInt8(truncatingIfNeeded: word) else { return broken(index) }
        word >>= 8
        pending -= 1
        if pending == 0 { endValue() }
        return index + 1
    }

    private mutating func number(_ base: UnsafePointer<UInt8>, _ count: Int, _ start: Int) -> Int {
        var index = start
        while index < count {
            if state == .integer || state == .fraction || state == .exponentDigits {
                while index < count, base[index] &- 0x30 < 10 { index += 1 }
                guard index < count else { return index }
            }
            let byte = base[index]
            let isDigit = byte &- 0x30 < 10
            switch state {
            case .integer, .fraction, .exponentDigits: guard take(byte) else { return endNumber(index) }
            case .zero: guard take(byte) else { return endNumber(index) }
            case .minus where isDigit: state = byte == UInt8(ascii: "0") ? .zero : .integer
            case .point where isDigit: state = .fraction
            case .exponent where isDigit, .exponentSign where isDigit: state = .exponentDigits
            case .exponent where byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-"): state = .exponentSign
            default: return broken(index)
            }
            index += 1
        }
        return index
    }

    /// A point or an exponent behind digits.
    private mutating func take(_ byte: UInt8) -> Bool {
        if byte == UInt8(ascii: "."), state == .integer || state == .zero {
            state = .point
            return true
        }
        guard byte | 0x20 == UInt8(ascii: "e"), state != .exponentDigits else { return false }
        state = .exponent
        return true
    }

    private mutating func endNumber(_ index: Int) -> Int {
        endValue()
        return index
    }

    // MARK: Strings

    private mutating func beginString(isName: Bool, collects: Bool) {
        self.isName = isName
        self.collects = collects
        if collects {
            collected = 0
            collectedCount = 0
        }
        state = .string
    }

    /// From within a string to its end, to the end of the piece, or to something that is more than one byte; and on through
    /// the strings that follow, of which most texts consist.
    private mutating func string(_ base: UnsafePointer<UInt8>, _ count: Int, _ start: Int) -> Int {
        var index = start
        while true {
            let run = Self.endOfPlainRun(base, count, from: index)
            if collects { collect(base + index, run - index, of: count - index) }
            index = run
            guard index < count else { return index }
            switch base[index] {
            case UInt8(ascii: "\""):
                index += 1
                endString()
                guard index + 1 < count else { return index }
                if state == .colon, base[index] == UInt8(ascii: ":") {
                    index += 1
                    state = .value
                    if Self.isSpace(base[index]) { return index }
                    index = value(base, count, index)
                } else if state == .next, base[index] == UInt8(ascii: ","), isInObject {
                    endMember(index)
                    index += 1
                    state = .name
                    guard base[index] == UInt8(ascii: "\"") else { return index }
                    beginString(isName: true, collects: isNameLookedAt)
                    index += 1
                }
                guard state == .string else { return index }
            case UInt8(ascii: "\\"):
                // A simple escape in the same piece needs no step of its own.
                if index + 1 < count, !collects, Self.isSimpleEscape(base[index + 1]) {
                    index += 2
                } else {
                    state = .escape
                    return index + 1
                }
            case 0xC2...0xF4:
                if collects { collectedCount = Self.tooMany }
                index = character(base, count, index)
                guard state == .string else { return index }
            default: return broken(index)
            }
        }
    }

    private mutating func endString() {
        guard isName else {
            if collects {
                if depth == 1 {
                    label(isError)
                    knowsFirstMember = true
                } else if isError {
                    isChoiceFailed = true
                }
            }
            return endValue()
        }
        state = .colon
        guard collects else { return }
        guard depth == 1 else {
            // Eight letters and the length are enough to know the longer names by.
            switch (collected, collectedCount) {
            case (0x72_6F72_7265, 5): choiceMember = .error
            case (0x725F_6873_696E_6966, 13): choiceMember = .finishReason
            default: choiceMember = .other
            }
            return
        }
        choiceMember = .other
        switch (collected, collectedCount) {
        case (0x72_6F72_7265, 5): member = .error
        case (0x7463_656A_626F, 6): member = .object
        case (0x6570_7974, 4): member = .type
        case (0x65_6761_7375, 5): member = .usage
        case (0x7365_6369_6F68_63, 7): answer(.choices)
        case (0x6174_6164, 4): answer(.data)
        case (0x7475_7074_756F, 6): answer(.output)
        case (0x7374_6C75_7365_72, 7): answer(.results)
        case (0x746E_6574_6E6F_63, 7): answer(.content)
        case (0x6F74_5F74_7570_6E69, 12): answer(.inputTokens)
        case (0x7478_6574, 4): answer(.text)
        default: member = .other
        }
        // A name that says nothing says it at once.
        if member == .other || member == .usage || member == .answer { knowsFirstMember = true }
    }

    private mutating func answer(_ name: Members) {
        member = .answer
        answerMember = name
    }

    private var isError: Bool { collected == 0x72_6F72_7265 && collectedCount == 5 }

    /// Characters of a string that may be one of the texts which are looked for: the first eight, the first byte lowest, and
    /// how many there are.
    /// - Parameter available: bytes that can be read.
    private mutating func collect(_ text: UnsafePointer<UInt8>, _ count: Int, of available: Int) {
        guard collectedCount + count < Self.tooMany else {
            collectedCount = Self.tooMany
            return
        }
        if collectedCount == 0, count > 0, available >= 8 {
            collected = Self.eight(text) & (~0 >> UInt64(max(0, 64 - 8 * count)))
            collectedCount = count
            return
        }
        for index in 0..<min(count, max(0, 8 - collectedCount)) {
            collected |= UInt64(text[index]) << UInt64(8 * (collectedCount + index))
        }
        collectedCount += count
    }

    /// More than the longest of those texts.
    private static let tooMany = 16

    private static func isSimpleEscape(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            true
        default: false
        }
    }

    private mutating func escape(_ byte: UInt8, _ index: Int) -> Int {
        if byte == UInt8(ascii: "u") {
            state = .hex
            pending = 4
            unit = 0
        } else {
            guard Self.isSimpleEscape(byte) else { return broken(index) }
            // None of the texts that are looked for has a character that is written so.
            collectedCount = Self.tooMany
            state = .string
        }
        return index + 1
    }

    private mutating func hex(_ byte: UInt8, _ index: Int) -> Int {
        let digit: UInt32
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = UInt32(byte) - 0x30
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
            digit = UInt32(byte | 0x20) - 0x57
        default: return broken(index)
        }
        unit = unit << 4 | digit
        pending -= 1
        if pending == 0 {
            if unit & 0xF800 == 0xD800 { hasSurrogates = true }
            var character = UInt8(truncatingIfNeeded: unit)
            if unit < 0x80 { collect(&character, 1, of: 1) } else { collectedCount = Self.tooMany }
            state = .string
        }
        return index + 1
    }

    // MARK: UTF-8 (Unicode 15, table 3-7)

    /// A character that begins at `index` with a byte of C2...F4.
    private mutating func character(_ base: UnsafePointer<UInt8>, _ count: Int, _ index: Int) -> Int {
        let lead = base[index]
        pending = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3
        allowed =
            switch lead {
            case 0xE0: (0xA0, 0xBF)
            case 0xED: (0x80, 0x9F)
            case 0xF0: (0x90, 0xBF)
            case 0xF4: (0x80, 0x8F)
            default: (0x80, 0xBF)
            }
        state = .utf8
        var index = index + 1
        while index < count, state == .utf8 { index = continuation(base[index], index) }
        return index
    }

    private mutating func continuation(_ byte: UInt8, _ index: Int) -> Int {
        guard byte >= allowed.0, byte <= allowed.1 else { return broken(index) }
        allowed = (0x80, 0xBF)
        pending -= 1
        if pending == 0 { state = .string }
        return index + 1
    }

    // MARK: Runs

    @inline(__always)
    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    /// Eight bytes, the first lowest.
    @inline(__always)
    private static func eight(_ bytes: UnsafePointer<UInt8>) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self))
    }

    /// The first index from `index` on whose byte is a quote, a backslash, a control character or not ASCII; eight bytes at
    /// a time. A borrow can only mark bytes after the first true hit, so the first mark is exact.
    @inline(__always)
    private static func endOfPlainRun(_ base: UnsafePointer<UInt8>, _ count: Int, from index: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var index = index
        while count - index >= 8 {
            let word = eight(base + index)
            let quote = word ^ (ones &* 0x22)
            let slash = word ^ (ones &* 0x5C)
            let marks =
                (((quote &- ones) & ~quote) | ((slash &- ones) & ~slash)
                    | ((word &- (ones &* 0x20)) & ~word) | word) & highs
            if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < count {
            let byte = base[index]
            if byte == 0x22 || byte == 0x5C || byte < 0x20 || byte >= 0x80 { return index }
            index += 1
        }
        return index
    }
}
