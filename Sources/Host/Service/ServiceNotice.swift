/// What a service manager is told, in the words of sd_notify(3). Pure.
public enum ServiceNotice: Sendable, Equatable {
    /// The gateway takes requests, for the first time or again after a reload.
    case ready(String)
    /// The configuration is read again since then, in microseconds of the monotonic clock.
    case reloading(since: UInt64)
    /// How things are.
    case status(String)
    /// The gateway ends, and may take so many microseconds for it.
    case stopping(String, within: UInt64)
    /// All event loops turn.
    case alive
    /// The descriptor that comes with it is to be given to the next process, under this name.
    case keep(String)
    /// What was kept under this name is needed no more.
    case forget(String)

    /// Bytes of a status, which is one line for people.
    static let statusLimit = 400

    /// One assignment a line.
    public var text: String {
        switch self {
        case .ready(let status): "READY=1\n" + Self.line(status)
        case .reloading(let since): "RELOADING=1\nMONOTONIC_USEC=\(since)\n"
        case .status(let status): Self.line(status)
        case .stopping(let status, let within):
            "STOPPING=1\nEXTEND_TIMEOUT_USEC=\(within)\n" + Self.line(status)
        case .alive: "WATCHDOG=1\n"
        // A listener is never hung up; without looking for that the manager has one descriptor less to wait for.
        case .keep(let name): "FDSTORE=1\nFDNAME=\(name)\nFDPOLL=0\n"
        case .forget(let name): "FDSTOREREMOVE=1\nFDNAME=\(name)\n"
        }
    }

    /// A line break would end the status, and begin another assignment.
    private static func line(_ status: String) -> String {
        var scalars = String.UnicodeScalarView()
        var size = 0
        for scalar in status.unicodeScalars {
            let shown: Unicode.Scalar = scalar.properties.generalCategory == .control ? " " : scalar
            size += UTF8.width(shown)
            guard size <= statusLimit else { break }
            scalars.append(shown)
        }
        return "STATUS=\(String(scalars))\n"
    }
}
