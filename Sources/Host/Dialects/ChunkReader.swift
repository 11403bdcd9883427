import JSON

/// Reads the event stream of OpenAI's API, cut anywhere: its chunks in order, up to the end mark. Pure. Tolerates any line
/// end, comments, unknown fields, a byte order mark, data in several lines, and events without an empty line between them.
struct ChunkReader {
    /// Bytes of an event. It is parsed on an event loop: deltas are short, and a tool call in one piece is far below this.
    static let eventLimit = 4 * 1024 * 1024
    /// Values of an event.
    private static let maximumValues = 100_000
    /// Lines of data of an event.
    private static let lineLimit = 10_000

    private var lines = LineDecoder(limit: eventLimit)
    /// Data lines of an event that are no whole value yet.
    private var data: [UInt8] = []
    private var dataLines = 0
    private var isFirstLine = true
    private var problem: AnswerProblem?
    /// The end mark was read: nothing that follows is looked at.
    private(set) var isDone = false

    /// The chunks that are complete with this piece; all are objects.
    /// - Throws: `AnswerProblem` for an event that is an error or no object. If chunks of the same piece came before it they
    ///   are given first, and the next call throws: so the chunks do not depend on how the stream is cut.
    mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(AnswerProblem) -> [JSONValue] {
        if let problem { throw problem }
        guard !isDone else { return [] }
        var chunks: [JSONValue] = []
        var lines = lines
        self.lines = LineDecoder()
        do {
            try lines.feed(bytes) { line, _ in
                read(line, &chunks)
                return problem == nil && !isDone
            }
        } catch {
            problem = Self.tooLong
        }
        self.lines = lines
        if chunks.isEmpty, let problem { throw problem }
        return chunks
    }

    /// The stream has ended: the chunk that lacked its line end, if any.
    mutating func finish() throws(AnswerProblem) -> [JSONValue] {
        if let problem { throw problem }
        guard !isDone else { return [] }
        var chunks: [JSONValue] = []
        var lines = lines
        self.lines = LineDecoder()
        lines.finish { read($0, &chunks) }
        if problem == nil { endEvent(&chunks) }
        // Not both: this is one event.
        if let problem { throw problem }
        return chunks
    }

    private mutating func read(_ line: UnsafeRawBufferPointer, _ chunks: inout [JSONValue]) {
        var line = line
        if isFirstLine {
            isFirstLine = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line = UnsafeRawBufferPointer(rebasing: line[3...]) }
        }
        if line.isEmpty {
            endEvent(&chunks)
        } else if let value = Self.value(of: "data:", line) {
            read(data: value, &chunks)
        } else if let value = Self.value(of: "error:", line),
            let error = try? JSONValue.parse(value, maximumValues: Self.maximumValues)
        {
            // Older llama.cpp puts an error into a field of its own.
            problem = AnswerError.inside(["error": error]) ?? Self.notObject
        }
    }

    private mutating func read(data value: UnsafeRawBufferPointer, _ chunks: inout [JSONValue]) {
        let isFirst = data.isEmpty
        dataLines = isFirst ? 1 : dataLines + 1
        guard dataLines <= Self.lineLimit else {
            problem = Self.tooManyLines
            return
        }
        if isFirst, value.drop(while: { $0 <= 0x20 }).starts(with: "[DONE]".utf8) {
            isDone = true
            return
        }
        guard data.count + value.count < Self.eventLimit else {
            problem = Self.tooLong
            return
        }
        if !isFirst { data.append(0x0A) }
        data.append(contentsOf: value)
        // Nearly every event is one line, and is not kept waiting for the empty line; some servers leave that out.
        if isFirst, let chunk = try? JSONValue.parse(data, maximumValues: Self.maximumValues) { take(chunk, &chunks) }
    }

    private mutating func endEvent(_ chunks: inout [JSONValue]) {
        guard !data.isEmpty else { return }
        if let chunk = try? JSONValue.parse(data, maximumValues: Self.maximumValues) {
            take(chunk, &chunks)
        } else if data.contains(where: { $0 > 0x20 }) {
            problem = Self.notObject
        }
        data.removeAll(keepingCapacity: true)
    }

    private mutating func take(_ chunk: JSONValue, _ chunks: inout [JSONValue]) {
        data.removeAll(keepingCapacity: true)
        if let error = AnswerError.inside(chunk) {
            problem = error
        } else if case .object = chunk {
            chunks.append(chunk)
        } else {
            problem = Self.notObject
        }
    }

    /// What follows the field's name in the line; one space after the colon does not belong to it.
    private static func value(of field: StaticString, _ line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let length = field.utf8CodeUnitCount
        let name = UnsafeRawBufferPointer(start: field.utf8Start, count: length)
        guard line.starts(with: name) else { return nil }
        let start = line.count > length && line[length] == 0x20 ? length + 1 : length
        return UnsafeRawBufferPointer(rebasing: line[start...])
    }

    private static let notObject = AnswerProblem("The backend sent an event that is no JSON object.")
    private static let tooManyLines = AnswerProblem("The backend sent an event of more than \(lineLimit) lines.")
    private static let tooLong = AnswerProblem(
        "The backend sent an event of more than \(eventLimit) bytes.")
}
