@testable import EventStream

/// Reads whole events as the format defines them, on top of `EventStreamLines` and `EventData`: so that both can be tested with
/// the examples of the standard. The gateway and the adapters look at lines, since they pass streams on.
struct EventStreamReader: Sendable {
    struct Event: Sendable, Equatable {
        /// "message" for an event without a name.
        var name: String
        var data: [UInt8]
        /// The last id that the stream has stated, here or before.
        var lastID: String

        init(name: String = "message", data: [UInt8], lastID: String = "") {
            self.name = name
            self.data = data
            self.lastID = lastID
        }
    }

    /// An event is larger than the limit. Nothing can be read after it.
    struct TooLarge: Error, Sendable, Equatable {}

    private var lines: EventStreamLines
    private var name = ""
    private var data: EventData
    private var lastID = ""

    /// - Parameter limit: bytes of one event.
    init(limit: Int) {
        lines = EventStreamLines(limit: limit)
        data = EventData(limit: limit)
    }

    /// The events that are complete with this piece.
    mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(TooLarge) -> [Event] {
        var events: [Event] = []
        var isTooLarge = false
        var lines = lines
        self.lines = EventStreamLines()
        do {
            try lines.feed(bytes) { line, _ in
                isTooLarge = !take(line, &events)
                return !isTooLarge
            }
        } catch {
            isTooLarge = true
        }
        self.lines = lines
        if isTooLarge { throw TooLarge() }
        return events
    }

    /// The stream has ended. The format drops an event that lacks its empty line; many servers leave that line out, so an
    /// event that has data is given all the same.
    mutating func finish() throws(TooLarge) -> [Event] {
        var events: [Event] = []
        var isTooLarge = false
        var lines = lines
        self.lines = EventStreamLines()
        lines.finish { isTooLarge = !take($0, &events) }
        if isTooLarge { throw TooLarge() }
        dispatch(&events)
        return events
    }

    private mutating func take(_ line: EventStreamLine, _ events: inout [Event]) -> Bool {
        switch line.kind {
        case .end: dispatch(&events)
        case .data:
            do throws(EventData.Excess) { try data.append(line.value) } catch { return false }
        case .event: name = String(decoding: line.value, as: UTF8.self)
        case .id where !line.value.contains(0): lastID = String(decoding: line.value, as: UTF8.self)
        case .id, .retry, .comment, .other: break
        }
        return true
    }

    private mutating func dispatch(_ events: inout [Event]) {
        if data.lineCount > 0 {
            events.append(Event(name: name.isEmpty ? "message" : name, data: data.bytes, lastID: lastID))
        }
        data.removeAll()
        name = ""
    }
}
