/// One thing that is wrong now, in words that an operator understands without knowing the gateway.
public struct Trouble: Sendable, Equatable {
    /// In the order in which troubles of equal severity are shown.
    public enum Kind: String, Sendable, CaseIterable {
        /// A backend's probes fail.
        case down
        /// A backend's probes are well and its requests fail: its breaker is not closed.
        case breakerOpen = "breaker_open"
        /// No further request may wait for a place.
        case queueFull = "queue_full"
        /// The gateway has little memory left for requests and answers, or none.
        case memoryShort = "memory_short"
        /// The process has no descriptor left for a connection.
        case descriptorsShort = "descriptors_short"
        /// Many requests for a model fail at a backend.
        case errorRate = "error_rate"
        /// A backend comes and goes.
        case flapping
        /// A backend serves, and its probes have been failing for a while.
        case goingDown = "going_down"
        case queueGrowing = "queue_growing"
        /// The last reload of the configuration was not applied.
        case reloadFailed = "reload_failed"
        /// The listener's certificate has expired, or its files hold another that cannot be used.
        case certificate
        /// Changes of backends that were kept are not in force.
        case stateFile = "state_file"
        /// The history is not kept in its file.
        case historyFile = "history_file"
        /// The collector of traces is away, or refuses them.
        case collector
        /// Bodies are not kept in their file, though that is wanted.
        case capturesFile = "captures_file"
        /// An adapter does what the ABI forbids, or holds up event loops.
        case adapterMisbehaving = "adapter_misbehaving"
        /// An adapter is left out for its crashes.
        case adapterQuarantined = "adapter_quarantined"
        /// A newer version of an adapter cannot be used, or the operator's list does not allow a file.
        case adapterRefused = "adapter_refused"
        /// A server asked to be left alone for long.
        case resting
    }

    /// From the worst to the least.
    public enum Severity: Int, Sendable, Comparable, CaseIterable {
        /// Requests fail, or are refused.
        case critical
        /// Something is wrong; requests are served.
        case warning
        /// Good to know.
        case notice

        public static func < (one: Severity, other: Severity) -> Bool { one.rawValue < other.rawValue }

        public var name: String {
            switch self {
            case .critical: "critical"
            case .warning: "warning"
            case .notice: "notice"
            }
        }
    }

    /// What it is about.
    public enum Subject: Sendable, Hashable {
        case gateway
        case backend(id: String, name: String)
        /// A model at a backend.
        case model(String, backend: String, name: String)
        /// By its type, or the path of its file.
        case adapter(String)

        public var type: String {
            switch self {
            case .gateway: "gateway"
            case .backend: "backend"
            case .model: "model"
            case .adapter: "adapter"
            }
        }
    }

    public var kind: Kind
    public var severity: Severity
    public var subject: Subject
    /// When it began, in Unix seconds.
    public var since: Double
    /// What is wrong, to be followed by `joint` and the time: "box-2 is down".
    public var what: String
    /// Why, as far as that is known; may be empty.
    public var why: String
    /// A fragment of the page that shows more, or where it can be mended.
    public var link: String

    public init(
        kind: Kind, severity: Severity, subject: Subject, since: Double, what: String, why: String = "", link: String
    ) {
        self.kind = kind
        self.severity = severity
        self.subject = subject
        self.since = since
        self.what = TroubleWords.plain(what)
        self.why = TroubleWords.plain(why)
        self.link = link
    }

    /// The same as long as the trouble lasts, and different from all others.
    public var id: String {
        switch subject {
        case .gateway: kind.rawValue
        case .backend(let id, _): "\(kind.rawValue):\(id)"
        case .model(let model, let backend, _): "\(kind.rawValue):\(backend):\(model)"
        case .adapter(let name): "\(kind.rawValue):\(name)"
        }
    }

    /// Of the backend that it is about; nil: it is about none.
    public var backendID: String? {
        switch subject {
        case .backend(let id, _), .model(_, let id, _): id
        case .gateway, .adapter: nil
        }
    }

    /// What stands between the words and the time.
    public var joint: String { kind == .reloadFailed ? "at" : "since" }

    /// One sentence: "box-2 is down since 05:52 UTC: connection refused".
    /// - Parameter now: the wall clock in Unix seconds; what began on another day has a date.
    public func words(now: Double) -> String {
        let start = "\(what) \(joint) \(TroubleWords.instant(since, now: now))"
        return why.isEmpty ? start : "\(start): \(why)"
    }
}

/// Everything that is wrong at one instant.
public struct TroubleList: Sendable, Equatable {
    /// Troubles that are listed.
    public static let limit = 100

    /// The worst first; at most `limit`.
    public var items: [Trouble] = []
    /// Those that are left out.
    public var omitted = 0

    public init(items: [Trouble] = [], omitted: Int = 0) {
        self.items = items
        self.omitted = omitted
    }

    public var isEmpty: Bool { items.isEmpty }
    public var total: Int { items.count + omitted }

    /// Something is wrong that is more than good to know.
    public var isSerious: Bool { items.contains { $0.severity < .notice } }
}

/// How words about troubles are written.
package enum TroubleWords {
    /// Bytes of what is wrong, and of why.
    static let limit = 400

    /// Texts from outside in one line, without what would change the order in which it is read, and not too long.
    package static func plain(_ text: String) -> String {
        var plain = String.UnicodeScalarView()
        for scalar in EntryLimits.cutBytes(text, to: limit).unicodeScalars {
            switch scalar.value {
            case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029: plain.append(" ")
            // Marks, embeddings, overrides and isolates of direction (UAX #9, section 2).
            case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: break
            default: plain.append(scalar)
            }
        }
        return String(plain)
    }

    /// "05:52 UTC", with the date before it when that is not today's.
    static func instant(_ seconds: Double, now: Double) -> String {
        let text = Timestamp.text(seconds: seconds)
        let time = "\(text.dropFirst(11).prefix(5)) UTC"
        let date = text.prefix(10)
        return date == Timestamp.text(seconds: now).prefix(10) ? time : "\(date) \(time)"
    }

    /// "1 request", "1,234 requests"
    static func count(_ count: some BinaryInteger, _ one: String, _ many: String) -> String {
        "\(count) \(count == 1 ? one : many)"
    }

    /// A value in the fragment of the page's address: everything but unreserved characters is percent-encoded (RFC 3986, 2.3).
    static func encoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                encoded.unicodeScalars.append(UnicodeScalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += byte < 16 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }
}
