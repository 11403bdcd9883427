/// Checks one JSON text (RFC 8259) that comes in pieces, cut anywhere: whether it is whole, and whether its outermost
/// object speaks of an error. Nothing is kept and nothing is allocated, so that long answers can be checked on their way.
///
/// As strict as `JSONValue.parse`: what one takes the other takes. Of two members with the same name the last one counts,
/// and a name that is spelled with escapes is that name.
public struct JSONScan: Sendable {
    /// Objects and arrays within one another; more is refused.
    public static let maximumDepth = 256

    public enum Kind: Sendable, Equatable { case object, array, other }

    enum State: UInt8 {
        case value, firstItem, firstMember, name, colon, next, end
        case string, escape, hex, utf8, word, mark
        case minus, zero, integer, point, fraction, exponent, exponentSign, exponentDigits
        case broken

        /// Outside of strings, words and numbers, where space may stand.
        var isBetween: Bool { rawValue <= State.end.rawValue }
    }

    /// A member of the outermost object that matters here.
    enum Member: UInt8 { case other, error, object, type, usage, answer }

    /// A member of one of the choices of an answer that matters here.
    enum ChoiceMember: UInt8 { case other, error, finishReason }

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

    var state = State.value
    var brackets = JSONBrackets()
    /// Bytes of the pieces before this one.
    var offset = 0

    /// The string under way is the name of a member.
    var isName = false
    /// The characters of the string under way are collected.
    var collects = false
    var collected = JSONShortText()
    /// Of an escape, a character or a word: bytes to come, and what they have to be.
    var pending = 0
    var unit: UInt32 = 0
    var allowed: (UInt8, UInt8) = (0x80, 0xBF)
    var word: UInt64 = 0

    var member = Member.other
    /// Which one, where the member is one that makes an answer.
    var answerMember: Members = []
    var choiceMember = ChoiceMember.other
    var knowsFirstMember = false
    /// The members "object" and "type" that are "error".
    var labels: (object: Bool, type: Bool) = (false, false)
    var errorStart: Int?
    var errorEnd: Int?
    /// The error that is known is more than a text or a number, which may say that there is none.
    var isErrorCertain = false
    /// How deep the error under way stands; 0: none is under way.
    var errorDepth = 0

    /// The members that came with a value of their kind; of two with the same name the last one counts.
    public internal(set) var members: Members = []
    /// One of the choices ended because of an error.
    public internal(set) var isChoiceFailed = false
    /// What the text is; nil while nothing but space has come.
    public internal(set) var kind: Kind?
    /// The outermost object has a member "usage" that is not null.
    public internal(set) var hasUsage = false
    /// Some text has an escape of UTF-16's surrogates: half of a character, most often beside the other.
    public internal(set) var hasSurrogates = false

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

    // MARK: For all steps

    /// Open brackets around what comes next.
    var depth: Int { brackets.depth }

    var isInObject: Bool { brackets.isInObject }

    mutating func endValue() { state = depth == 0 ? .end : .next }

    mutating func broken(_ index: Int) -> Int {
        state = .broken
        return index
    }
}
