import EventStream
import JSON

/// Reads what a model writes from an answer as a client gets it, cut anywhere: events, lines of JSON, or one whole JSON value.
/// For looking on: what it cannot read it passes over, and it keeps no more than `limit` bytes. Pure.
public struct AnswerTextReader: Sendable {
    public enum Form: Sendable, Equatable {
        case events
        case lines
        /// All of it in one piece.
        case whole
    }

    /// Bytes of an event or a line; longer ones are passed over.
    public static let limit = 256 * 1024
    private static let maximumValues = 100_000

    private let form: Form
    private var lines = LineDecoder(limit: limit)
    private var data = EventData(limit: limit)
    private var characters = SplitCharacters()

    public init(_ form: Form) { self.form = form }

    /// The text that is complete with this piece.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer) -> [AnswerText] {
        var parts: [AnswerText] = []
        guard form != .whole else {
            read(bytes, &parts)
            return parts
        }
        var lines = lines
        self.lines = LineDecoder(limit: Self.limit)
        do throws(LineDecoder.TooLong) {
            try lines.feed(bytes) { line, _ in
                take(line, &parts)
                return true
            }
            self.lines = lines
        } catch {
            // What is left of that line means nothing, and the next ones are read again.
            data.removeAll()
        }
        return parts
    }

    /// What comes next does not follow what came: something was left out.
    public mutating func skip() {
        lines = LineDecoder(limit: Self.limit)
        data.removeAll()
        characters = SplitCharacters()
    }

    private mutating func take(_ text: UnsafeRawBufferPointer, _ parts: inout [AnswerText]) {
        guard form == .events else { return read(text, &parts) }
        let line = EventStreamLine(text)
        switch line.kind {
        case .data:
            do throws(EventData.Excess) { try data.append(line.value) } catch { data.removeAll() }
        case .end:
            let bytes = data.bytes
            data.removeAll()
            bytes.withUnsafeBytes { read($0, &parts) }
        case .event, .id, .retry, .comment, .other: return
        }
    }

    private mutating func read(_ bytes: UnsafeRawBufferPointer, _ parts: inout [AnswerText]) {
        guard bytes.contains(UInt8(ascii: "{")) else { return }
        let joined =
            characters.isWaiting || SplitCharacters.mayHoldHalf(bytes) ? characters.joined(bytes) : nil
        let value: JSONValue?
        if let joined {
            value = try? JSONValue.parse(joined, maximumValues: Self.maximumValues)
        } else {
            value = try? JSONValue.parse(bytes, maximumValues: Self.maximumValues)
        }
        if let value { AnswerMembers.read(value, into: &parts) }
    }
}
