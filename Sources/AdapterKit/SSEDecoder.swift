/// Takes a stream of server-sent events apart (WHATWG HTML, section 9.2): the data of each event, lines joined by LF.
/// Comments and other fields are skipped, a byte order mark at the start is tolerated.
struct SSEDecoder {
    private var lines: LineDecoder
    private var data: [UInt8] = []
    private var hasData = false
    private var isFirstLine = true
    private let limit: Int

    init(limit: Int = LineDecoder.defaultLimit) {
        self.limit = limit
        lines = LineDecoder(limit: limit)
    }

    /// Something of an event that is not complete yet has come.
    var isInsideEvent: Bool { hasData || lines.pending > 0 }

    /// Calls `event` with the data of each event that is complete with this piece, and the index in `bytes` behind the
    /// event. Returns early when `event` returns false.
    mutating func feed(
        _ bytes: UnsafeRawBufferPointer, _ event: (UnsafeRawBufferPointer, Int) -> Bool
    ) throws(LineDecoder.TooLong) {
        var tooLong = false
        var lines = lines
        var goOn = true
        try lines.feed(bytes) { line, next in
            goOn = take(line, next, event, &tooLong)
            return goOn && !tooLong
        }
        self.lines = lines
        if tooLong { throw LineDecoder.TooLong() }
    }

    private mutating func take(
        _ line: UnsafeRawBufferPointer, _ next: Int, _ event: (UnsafeRawBufferPointer, Int) -> Bool,
        _ tooLong: inout Bool
    ) -> Bool {
        var line = line
        if isFirstLine {
            isFirstLine = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line = UnsafeRawBufferPointer(rebasing: line[3...]) }
        }
        guard !line.isEmpty else {
            guard hasData else { return true }
            hasData = false
            let whole = data
            data.removeAll(keepingCapacity: true)
            return whole.withUnsafeBytes { event($0, next) }
        }
        guard line.starts(with: "data:".utf8) else { return true }
        var value = UnsafeRawBufferPointer(rebasing: line[5...])
        if value.first == 0x20 { value = UnsafeRawBufferPointer(rebasing: value[1...]) }
        if hasData { data.append(0x0A) }
        hasData = true
        data.append(contentsOf: value)
        tooLong = data.count > limit
        return true
    }
}
