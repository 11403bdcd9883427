/// What a file says that has no counterpart here, or another one than who wrote it may think: none of it is passed over in silence.
struct Remarks {
    struct Remark: Equatable {
        /// In the file, from 1; 0: of no place in it.
        var line: Int
        /// Dotted path of what it is about; empty: the file.
        var path: String
        var words: String
    }

    /// How many are told; what is beyond is counted.
    static let limit = 2000

    private(set) var list: [Remark] = []
    private(set) var omitted = 0

    mutating func add(_ path: String, _ line: Int, _ words: String) {
        guard list.count < Self.limit else {
            omitted += 1
            return
        }
        list.append(Remark(line: line, path: path, words: words))
    }

    var inOrder: [Remark] {
        // A sort keeps the order of equals only with a second key.
        list.enumerated().sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }.map(\.element)
    }
}
