/// A part of a trace that is over.
public struct Span: Sendable, Equatable {
    /// As OTLP counts them.
    public enum Kind: Int, Sendable {
        case server = 2
        case client = 3
    }

    public enum Value: Sendable, Equatable {
        case text(String)
        case integer(UInt64)
        case flag(Bool)
    }

    public struct Attribute: Sendable, Equatable {
        public var key: String
        public var value: Value
    }

    /// Something that happened meanwhile.
    public struct Event: Sendable, Equatable {
        public var name: String
        /// Nanoseconds since 1970.
        public var time: UInt64
    }

    public var trace: TraceID
    public var id: SpanID
    public var parent: SpanID?
    /// The parent is in another process.
    public var isParentRemote: Bool
    public var flags: UInt8
    public var state: String?
    public var name: String
    public var kind: Kind
    /// Nanoseconds since 1970.
    public var start: UInt64
    public var end: UInt64
    public var attributes: [Attribute] = []
    public var events: [Event] = []
    /// Why it has failed, perhaps in no words; nil: it has not.
    public var failure: String?

    mutating func set(_ key: String, _ text: String?) {
        guard let text, !text.isEmpty else { return }
        attributes.append(Attribute(key: key, value: .text(text)))
    }

    mutating func set(_ key: String, _ number: UInt64?) {
        guard let number else { return }
        attributes.append(Attribute(key: key, value: .integer(number)))
    }

    mutating func set(_ key: String, _ flag: Bool) { attributes.append(Attribute(key: key, value: .flag(flag))) }

    public subscript(_ key: String) -> Value? { attributes.first { $0.key == key }?.value }
}

/// What spans tell of a backend.
public struct TracedServer: Sendable, Equatable {
    public var name: String
    /// Its adapter's type.
    public var type: String
    public var address: String
    public var port: Int

    public init(name: String, type: String, address: String, port: Int) {
        self.name = name
        self.type = type
        self.address = address
        self.port = port
    }

    /// - Parameter identity: of a backend.
    public init(_ identity: BackendIdentity) {
        let url = try? BackendURL(identity.url)
        self.init(
            name: identity.name, type: identity.backendType, address: url?.host ?? "", port: url?.port ?? 0)
    }
}
