import NIOCore

/// What was made of the text of an exchange for those that watch it, in order, as far as it is kept for the slowest: so many
/// bytes, however many watch. One that is further behind goes on with the newest, and is told how many characters it lacks.
/// Pure.
public struct GlassRoll: Sendable {
    /// Bytes of messages that are kept.
    public static var defaultLimit: Int { 128 * 1024 }

    private struct Entry {
        var message: ByteBuffer
        /// Characters before it, and in it.
        var start: UInt64
        var count: UInt64
    }

    /// How far somebody has read.
    public struct Cursor: Sendable, Equatable {
        fileprivate var number: UInt64
        fileprivate var characters: UInt64
    }

    private let limit: Int
    private var entries: [Entry] = []
    /// The number of the first entry; they are counted from 0.
    private var first: UInt64 = 0
    private var bytes = 0
    /// All that was ever appended.
    public private(set) var characters: UInt64 = 0

    public init(limit: Int = GlassRoll.defaultLimit) { self.limit = limit }

    /// For who begins to read now.
    public var end: Cursor { Cursor(number: first + UInt64(entries.count), characters: characters) }

    /// - Parameter count: characters of text in the message.
    public mutating func append(_ message: ByteBuffer, characters count: Int) {
        entries.append(Entry(message: message, start: characters, count: UInt64(count)))
        characters += UInt64(count)
        bytes += message.readableBytes
        var gone = 0
        while bytes > limit, gone < entries.count - 1 {
            bytes -= entries[gone].message.readableBytes
            gone += 1
        }
        entries.removeFirst(gone)
        first += UInt64(gone)
    }

    /// The next messages, at most about `limit` bytes of them and at least one if there is any, and how many characters between
    /// what was read before and the first of them are gone.
    public func read(_ cursor: inout Cursor, limit: Int) -> (skipped: UInt64, messages: [ByteBuffer]) {
        var skipped: UInt64 = 0
        if cursor.number < first, let entry = entries.first {
            skipped = entry.start - cursor.characters
            cursor = Cursor(number: first, characters: entry.start)
        }
        var (messages, size) = ([ByteBuffer](), 0)
        for entry in entries.dropFirst(Int(cursor.number - first)) {
            guard messages.isEmpty || size + entry.message.readableBytes <= limit else { break }
            messages.append(entry.message)
            size += entry.message.readableBytes
            cursor = Cursor(number: cursor.number + 1, characters: entry.start + entry.count)
        }
        return (skipped, messages)
    }
}
