import EventStream
import JSON

/// Reads the event stream of OpenAI's API, cut anywhere: its chunks in order, up to the end mark. Pure. Tolerates any line
/// end, comments, unknown fields, a byte order mark, data in several lines, and events without an empty line between them.
struct ChunkReader {
    /// Bytes of an event. It is parsed on an event loop: deltas are short, and a tool call in one piece is far below this.
    static let eventLimit = 4 * 1024 * 1024
    /// Values of an event.
    private static let maximumValues = 100_000

    private var lines = EventStreamLines(limit: eventLimit)
    /// Data lines of an event that are no whole value yet.
    private var data = EventData(limit: eventLimit)
    private var problem: AnswerProblem?
    private var characters = SplitCharacters()
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
        self.lines = EventStreamLines()
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
        self.lines = EventStreamLines()
        lines.finish { read($0, &chunks) }
        if problem == nil { endEvent(&chunks) }
        // Not both: this is one event.
        if let problem { throw problem }
        return chunks
    }

    private mutating func read(_ line: EventStreamLine, _ chunks: inout [JSONValue]) {
        switch line.kind {
        case .end: endEvent(&chunks)
        case .data: read(data: line.value, &chunks)
        case .other:
            // Older llama.cpp puts an error into a field of its own.
            guard let value = line.value(ofField: "error"),
                let error = try? JSONValue.parse(value, maximumValues: Self.maximumValues)
            else { return }
            problem = AnswerError.inside(["error": error]) ?? Self.notObject
        case .event, .id, .retry, .comment: break
        }
    }

    private mutating func read(data value: UnsafeRawBufferPointer, _ chunks: inout [JSONValue]) {
        let isFirst = data.bytes.isEmpty
        if isFirst { data.removeAll() }
        if isFirst, value.drop(while: { $0 <= 0x20 }).starts(with: "[DONE]".utf8) {
            isDone = true
            return
        }
        do throws(EventData.Excess) {
            try data.append(value)
        } catch {
            problem = error == .lines ? Self.tooManyLines : Self.tooLong
            return
        }
        // Nearly every event is one line, and is not kept waiting for the empty line; some servers leave that out.
        if isFirst, let chunk = parsed() {
            take(chunk, &chunks)
        }
    }

    private mutating func endEvent(_ chunks: inout [JSONValue]) {
        guard !data.bytes.isEmpty else { return }
        if let chunk = parsed() {
            take(chunk, &chunks)
        } else if data.bytes.contains(where: { $0 > 0x20 }) {
            problem = Self.notObject
        }
        data.removeAll()
    }

    /// The event's data as JSON, with characters made whole that are cut in two; nil if they are none.
    private mutating func parsed() -> JSONValue? {
        let isPlain = data.bytes.withUnsafeBytes { !characters.isWaiting && !SplitCharacters.mayHoldHalf($0) }
        if isPlain, let value = try? JSONValue.parse(data.bytes, maximumValues: Self.maximumValues) { return value }
        var next = characters
        let joined = data.bytes.withUnsafeBytes { next.joined($0) }
        guard let value = try? JSONValue.parse(joined ?? data.bytes, maximumValues: Self.maximumValues) else {
            return nil
        }
        characters = next
        return value
    }

    private mutating func take(_ chunk: JSONValue, _ chunks: inout [JSONValue]) {
        data.removeAll()
        if let error = AnswerError.inside(chunk) {
            problem = error
        } else if case .object = chunk {
            chunks.append(chunk)
        } else {
            problem = Self.notObject
        }
    }

    private static let notObject = AnswerProblem("The backend sent an event that is no JSON object.")
    private static let tooManyLines = AnswerProblem("The backend sent an event of more than 10000 lines.")
    private static let tooLong = AnswerProblem(
        "The backend sent an event of more than \(eventLimit) bytes.")
}
