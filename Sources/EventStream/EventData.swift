/// The data of one event: its lines, joined by line feeds. Bounded, since a server can send lines without an end.
public struct EventData: Sendable {
    public enum Excess: Error, Sendable, Equatable { case bytes, lines }

    /// Bytes of all lines together.
    public let limit: Int
    public let lineLimit: Int
    public private(set) var bytes: [UInt8] = []
    public private(set) var lineCount = 0

    public init(limit: Int, lineLimit: Int = 10_000) {
        self.limit = limit
        self.lineLimit = lineLimit
    }

    public mutating func append(_ value: UnsafeRawBufferPointer) throws(Excess) {
        guard lineCount < lineLimit else { throw .lines }
        guard bytes.count + value.count < limit else { throw .bytes }
        if lineCount > 0 { bytes.append(0x0A) }
        bytes.append(contentsOf: value)
        lineCount += 1
    }

    /// Before the next event.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        lineCount = 0
    }
}
