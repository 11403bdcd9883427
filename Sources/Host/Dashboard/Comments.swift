/// Takes the comments out of scripts and styles, which nobody needs to load: a sixth of their weight, compressed.
enum Comments {
    /// Without the lines that are nothing but a comment. What looks like one inside a text in backquotes stays; a line that has a
    /// backquote of one that goes on has an odd number of them.
    static func without(_ source: [UInt8]) -> [UInt8] {
        var kept: [UInt8] = []
        kept.reserveCapacity(source.count)
        var isInComment = false
        var isInText = false
        for line in source.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            let text = line.drop { $0 == UInt8(ascii: " ") }
            if isInComment {
                isInComment = !endsComment(text)
                continue
            }
            if !isInText {
                if text.starts(with: "//".utf8) || text.isEmpty { continue }
                if text.starts(with: "/*".utf8) {
                    if !endsComment(text) {
                        isInComment = true
                        continue
                    }
                    if text.suffix(2).elementsEqual("*/".utf8) { continue }
                }
            }
            if line.count(where: { $0 == UInt8(ascii: "`") }) % 2 == 1 { isInText.toggle() }
            kept += line
            kept.append(UInt8(ascii: "\n"))
        }
        return kept
    }

    private static func endsComment(_ text: ArraySlice<UInt8>) -> Bool {
        var before: UInt8 = 0
        for byte in text {
            if before == UInt8(ascii: "*"), byte == UInt8(ascii: "/") { return true }
            before = byte
        }
        return false
    }
}
