/// Strings, and what their names mean. Characters are checked as table 3-7 of Unicode 15 says.
extension JSONScan {
    mutating func beginString(isName: Bool, collects: Bool) {
        self.isName = isName
        self.collects = collects
        if collects { collected = JSONShortText() }
        state = .string
    }

    /// From within a string to its end, to the end of the piece, or to something that is more than one byte; and on through
    /// the strings that follow, of which most texts consist.
    mutating func string(_ base: UnsafePointer<UInt8>, _ count: Int, _ start: Int) -> Int {
        var index = start
        while true {
            let run = JSONBytes.endOfPlainRun(base, count, from: index)
            if collects { collected.add(base + index, run - index, of: count - index) }
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
                    if JSONBytes.isSpace(base[index]) { return index }
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
                if index + 1 < count, !collects, JSONBytes.isSimpleEscape(base[index + 1]) {
                    index += 2
                } else {
                    state = .escape
                    return index + 1
                }
            case 0xC2...0xF4:
                if collects { collected.giveUp() }
                index = character(base, count, index)
                guard state == .string else { return index }
            default: return broken(index)
            }
        }
    }

    /// The name that begins may be one of those which are looked for.
    var isNameLookedAt: Bool { depth == 1 || depth == 3 && member == .answer && answerMember == .choices }

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
            // The first eight letters and the length are enough to know the longer names by.
            switch (collected.start, collected.count) {
            case (0x72_6F72_7265, 5): choiceMember = .error
            case (0x725F_6873_696E_6966, 13): choiceMember = .finishReason
            default: choiceMember = .other
            }
            return
        }
        choiceMember = .other
        switch (collected.start, collected.count) {
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

    private var isError: Bool { collected.start == 0x72_6F72_7265 && collected.count == 5 }

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

    mutating func continuation(_ byte: UInt8, _ index: Int) -> Int {
        guard byte >= allowed.0, byte <= allowed.1 else { return broken(index) }
        allowed = (0x80, 0xBF)
        pending -= 1
        if pending == 0 { state = .string }
        return index + 1
    }
}
