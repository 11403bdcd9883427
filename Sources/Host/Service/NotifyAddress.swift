/// Where the service manager listens: what stands in `NOTIFY_SOCKET` (sd_notify(3)). Pure.
public struct NotifyAddress: Sendable, Equatable {
    /// Bytes of `sun_path` (unix(7)).
    static let limit = 108

    /// What stands in `sun_path`: a path, or NUL and a name of the abstract namespace.
    public let bytes: [UInt8]

    /// Nil: nothing that could be sent to.
    public init?(_ text: String) {
        var bytes = Array(text.utf8)
        guard bytes.count > 1, !bytes.contains(0) else { return nil }
        switch bytes[0] {
        case UInt8(ascii: "/"):
            // The system wants to find its end.
            guard bytes.count < Self.limit else { return nil }
        case UInt8(ascii: "@"):
            guard bytes.count <= Self.limit else { return nil }
            bytes[0] = 0
        default: return nil
        }
        self.bytes = bytes
    }
}
