/// What the members of the outermost object, and of its choices, say.
extension JSONScan {
    /// A value outside of all brackets, or of a member of the outermost object, begins.
    mutating func beginMember(_ byte: UInt8, _ index: Int) {
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
    mutating func noteError(_ byte: UInt8, _ index: Int) {
        guard byte != UInt8(ascii: "n"), byte != UInt8(ascii: "f"), !isErrorCertain else { return }
        let isCertain = byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "t")
        guard isCertain || errorStart == nil else { return }
        isErrorCertain = isCertain
        errorStart = offset + index
        errorEnd = nil
        errorDepth = depth
    }

    mutating func label(_ isError: Bool) {
        if member == .object { labels.object = isError } else { labels.type = isError }
    }

    mutating func endMember(_ index: Int) {
        guard errorDepth != 0, depth == errorDepth else { return }
        errorEnd = offset + index
        errorDepth = 0
    }
}
