import PluginAPI

/// The data of a stream's events with characters made whole that the server has cut in two (`SplitCharacters`), looked at
/// without a copy while there are none.
struct WholeCharacters {
    private var characters = SplitCharacters()

    /// A character lacks its end, which the next event may begin with: so that one has to be looked into.
    var isWaiting: Bool { characters.isWaiting }

    /// What `read` makes of an event's data, and what takes their place if characters were cut in them.
    /// - Parameter read: nil for data that are no whole JSON.
    mutating func read<Value>(
        _ data: UnsafeRawBufferPointer, _ read: (UnsafeRawBufferPointer) -> Value?
    ) -> (value: Value, replacement: [UInt8]?)? {
        if !isWaiting, !SplitCharacters.mayHoldHalf(data), let value = read(data) { return (value, nil) }
        var next = characters
        guard let joined = next.joined(data) else {
            characters = next
            return read(data).map { ($0, nil) }
        }
        guard let value = joined.withUnsafeBytes(read) else { return nil }
        characters = next
        return (value, joined)
    }

    /// The same for data that are parsed.
    mutating func parsed(_ data: UnsafeRawBufferPointer) -> (value: JSONValue, replacement: [UInt8]?)? {
        read(data) { try? JSONValue.parse($0, maximumValues: LargeWork.inlineValues) }
    }
}
