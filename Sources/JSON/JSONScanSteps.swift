/// From byte to byte: what may stand between values, and how words, escapes and characters that are cut go on.
/// Functions with one caller stand beside it and are private: the compiler then makes them a part of it, which counts here.
extension JSONScan {
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

    /// The byte at `index` stands between values, names and brackets; gives the index of the next one to look at. Compared
    /// and not switched over: a branch that is foreseen costs less than a jump through a table.
    @inline(__always)
    private mutating func structure(_ base: UnsafePointer<UInt8>, _ count: Int, _ index: Int) -> Int {
        let byte = base[index]
        if JSONBytes.isSpace(byte) { return index &+ 1 }
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

    private mutating func close(_ index: Int) -> Int {
        brackets.close()
        endValue()
        return index + 1
    }

    private mutating func literal(_ byte: UInt8, _ index: Int) -> Int {
        guard byte == UInt8(truncatingIfNeeded: word) else { return broken(index) }
        word >>= 8
        pending -= 1
        if pending == 0 { endValue() }
        return index + 1
    }

    private mutating func escape(_ byte: UInt8, _ index: Int) -> Int {
        if byte == UInt8(ascii: "u") {
            state = .hex
            pending = 4
            unit = 0
        } else {
            guard JSONBytes.isSimpleEscape(byte) else { return broken(index) }
            // None of the texts that are looked for has a character that is written so.
            collected.giveUp()
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
            if unit < 0x80 { collected.add(&character, 1, of: 1) } else { collected.giveUp() }
            state = .string
        }
        return index + 1
    }
}
