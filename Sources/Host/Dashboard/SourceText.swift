/// What is sent of a script or a style: all but the lines that hold nothing but a comment, which are for those who read the
/// source, and which would be a sixth of what browsers fetch. Pure.
enum SourceText {
    /// - Parameter isScript: lines may begin with `//`, and texts between backticks go on over several lines.
    static func sent(_ source: [UInt8], isScript: Bool) -> [UInt8] {
        var sent: [ArraySlice<UInt8>] = []
        var isComment = false
        var isText = false
        for line in source.split(separator: newline, omittingEmptySubsequences: false) {
            let words = line.drop { $0 == UInt8(ascii: " ") }
            if isComment {
                isComment = !ends(words)
                continue
            }
            if !isText {
                if isScript, words.starts(with: "//".utf8) { continue }
                if words.starts(with: "/*".utf8) {
                    // What follows a comment in its line is kept with it.
                    if !contains(words, "*/") {
                        isComment = true
                        continue
                    }
                    if ends(words) { continue }
                }
            }
            if isScript, !backticks(line).isMultiple(of: 2) { isText.toggle() }
            sent.append(line)
        }
        return Array(sent.joined(separator: [newline]))
    }

    private static let newline = UInt8(ascii: "\n")

    private static func ends(_ line: ArraySlice<UInt8>) -> Bool {
        var line = line
        while line.last == UInt8(ascii: " ") { line.removeLast() }
        return line.suffix(2).elementsEqual("*/".utf8)
    }

    private static func contains(_ line: ArraySlice<UInt8>, _ text: String) -> Bool {
        line.firstRange(of: Array(text.utf8)) != nil
    }

    /// Those that begin or end a text.
    private static func backticks(_ line: ArraySlice<UInt8>) -> Int {
        zip(line.indices, line).count { index, byte in
            byte == UInt8(ascii: "`") && (index == line.startIndex || line[index - 1] != UInt8(ascii: "\\"))
        }
    }
}
