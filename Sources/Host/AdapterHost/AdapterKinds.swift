import Core
import JSON

/// Names of server software under which people look for an adapter: `vllm` is the adapter `openai` with its option `flavor` set.
/// The gateway knows none of them. An adapter's schema marks one of its options with `"x-nexus-kinds"`, an object of such names
/// and the values of the option that they stand for; other readers of JSON Schema pass over it.
///
/// A name is found in any usual spelling: letters and digits count alone, in either case ("LM Studio", "llama.cpp").
struct AdapterKinds {
    /// One name, and what it stands for.
    private struct Kind {
        var name: String
        var type: String
        var option: String
        var value: JSONValue
        /// What it sets is what the option is anyway: it leaves open what the server is.
        var isOpen: Bool
    }

    /// Names of one adapter.
    static let limit = 256

    private let types: [String]
    private let kinds: [Kind]

    /// - Parameter adapters: in the order in which they are asked for a name.
    init(_ adapters: [(type: String, schema: String)]) {
        types = adapters.map(\.type)
        kinds = adapters.flatMap { Self.kinds(of: $0.type, schema: $0.schema) }
    }

    /// Every name that is understood, each in one spelling.
    var names: [String] { types + kinds.map(\.name) }

    /// The same backend under the type of its adapter, with the option that its name stands for.
    func resolved(_ given: Configuration.Backend) throws(AdapterLibrary.TypeProblem) -> Configuration.Backend {
        if types.contains(given.type) { return given }
        let wanted = Self.plain(given.type)
        guard !wanted.isEmpty else { throw .unknown }
        var resolved = given
        // What is shown of it goes on saying what the operator said.
        resolved.writtenType = given.type
        if let type = types.first(where: { Self.plain($0) == wanted }) {
            resolved.type = type
            return resolved
        }
        guard let kind = kinds.first(where: { Self.plain($0.name) == wanted }) else { throw .unknown }
        resolved.type = kind.type
        guard var options = (try? JSONValue.parse(given.options))?.object else { return resolved }
        if let said = options[kind.option] {
            guard said == kind.value || kind.isOpen else {
                throw AdapterLibrary.TypeProblem(
                    message: "the type \"\(given.type)\" means options.\(kind.option) = "
                        + "\(String(decoding: kind.value.bytes, as: UTF8.self)), and options.\(kind.option) says something "
                        + "else; give only one of the two")
            }
            return resolved
        }
        options[kind.option] = .some(kind.value)
        resolved.options = String(decoding: JSONValue.object(options).bytes, as: UTF8.self)
        return resolved
    }

    /// Whether a server that calls itself so is of those that one of the adapters is made for.
    func areOf(_ server: String) -> Bool {
        let server = Self.plain(server)
        return names.contains { !Self.plain($0).isEmpty && server.hasPrefix(Self.plain($0)) }
    }

    private static func kinds(of type: String, schema text: String) -> [Kind] {
        guard !text.isEmpty, let schema = try? JSONValue.parse(text, maximumDepth: OptionsSchema.depth) else {
            return []
        }
        var kinds: [Kind] = []
        for (option, property) in schema["properties"]?.object?.members ?? [] {
            for (name, value) in property["x-nexus-kinds"]?.object?.members ?? [] where !plain(name).isEmpty {
                guard kinds.count < limit else { return kinds }
                kinds.append(
                    Kind(
                        name: name, type: type, option: option, value: value, isOpen: property["default"] == value))
            }
        }
        return kinds
    }

    /// Letters and digits of ASCII alone, small.
    static func plain(_ name: String) -> String {
        let bytes = name.utf8.compactMap { byte -> UInt8? in
            switch byte {
            case 0x30...0x39, 0x61...0x7A: byte
            case 0x41...0x5A: byte | 0x20
            default: nil
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension AdapterLibrary {
    /// Why a type leads to no adapter, or not with these options. For the operator.
    public struct TypeProblem: Error, Sendable, Equatable {
        public let message: String

        /// No adapter is of that type, nor of a kind that is called so.
        public static let unknown = TypeProblem(message: "no adapter is of that type")
    }

    private var kinds: AdapterKinds { AdapterKinds(images.map { ($0.type, $0.optionsSchema) }) }

    /// The same backend under the type of its adapter: operators may name the server's software instead.
    public func resolved(_ definition: Configuration.Backend) throws(TypeProblem) -> Configuration.Backend {
        if image(type: definition.type) != nil { return definition }
        return try kinds.resolved(definition)
    }

    /// Every name that is understood as a type, each in one spelling.
    public var typeNames: [String] { kinds.names }
}

extension AdapterImage {
    /// Whether a server that calls itself so is of those that the adapter is made for.
    public func isMade(for server: String) -> Bool { AdapterKinds([(type, optionsSchema)]).areOf(server) }
}
