/// Values: where each begins, words and numbers.
extension JSONScan {
    @inline(__always)
    mutating func value(_ base: UnsafePointer<UInt8>, _ count: Int, _ index: Int) -> Int {
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

    private mutating func open(isObject: Bool) {
        brackets.open(isObject: isObject)
        state = isObject ? .firstMember : .firstItem
    }

    /// - Parameters:
    ///   - letters: the first lowest; the first is there.
    ///   - length: of the word.
    private mutating func word(
        _ letters: UInt64, _ length: Int, _ base: UnsafePointer<UInt8>, _ count: Int, _ index: Int
    ) -> Int {
        if count - index >= 8, JSONBytes.eight(base + index) & (~0 >> UInt64(64 - 8 * length)) == letters {
            endValue()
            return index + length
        }
        word = letters >> 8
        pending = length - 1
        state = .word
        return index + 1
    }

    mutating func number(_ base: UnsafePointer<UInt8>, _ count: Int, _ start: Int) -> Int {
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
}
