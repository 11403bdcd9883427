import Core
import JSON

/// Names of server software under which people look for an adapter: `vllm` is the adapter `openai` with its option `flavor` set.
/// The gateway knows none of them. An adapter's schema marks one of its options with `"x-nexus-kinds"`, an object of such names
/// and the values of the option that they stand for; other readers of JSON Schema pass over it.
///
/// A name is found in any usual spelling: letters and digits count alone, in either case ("LM Studio", "llama.cpp").
extension AdapterLibrary {
    /// Why a type leads to no adapter, or not with these options. For the operator.
    public struct TypeProblem: Error, Sendable, Equatable {
        public let message: String

        /// No adapter is of that type, nor of a kind that is called so.
        public static let unknown = TypeProblem(message: "no adapter is of that type")
    }

    /// One name, and what it stands for.
    private struct Kind {
        var type: String
        var option: String
        var value: JSONValue
    }

    /// The same backend under the type of its adapter, with the options that its name stands for.
    public func resolved(_ definition: Configuration.Backend) throws(TypeProblem) -> Configuration.Backend {
        if image(type: definition.type) != nil { return definition }
        var resolved = definition
        let wanted = Self.plain(definition.type)
        if let image = images.first(where: { Self.plain($0.type) == wanted }) {
            resolved.type = image.type
            return resolved
        }
        guard let kind = kinds[wanted] else { throw .unknown }
        resolved.type = kind.type
        guard var options = (try? JSONValue.parse(definition.options))?.object else { return resolved }
        if let given = options[kind.option] {
            // A name that leaves it open may be made more exact.
            guard given == kind.value || isDefault(kind) else {
                throw TypeProblem(
                    message: "the type \"\(definition.type)\" means options.\(kind.option) = "
                        + "\(String(decoding: kind.value.bytes, as: UTF8.self)), and options.\(kind.option) says something "
                        + "else; give only one of the two")
            }
            return resolved
        }
        options[kind.option] = .some(kind.value)
        resolved.options = String(decoding: JSONValue.object(options).bytes, as: UTF8.self)
        return resolved
    }

    /// Every name that is understood as a type, each in one spelling.
    public var typeNames: [String] {
        images.map(\.type) + images.flatMap { Self.kinds(of: $0).map(\.name) }
    }

    /// Whether a server that calls itself so is of those that the adapter is made for.
    public static func isNamed(_ server: String, by image: AdapterImage) -> Bool {
        let server = plain(server)
        guard !server.isEmpty else { return false }
        return ([image.type] + kinds(of: image).map(\.name)).contains { server.hasPrefix(plain($0)) }
    }

    private var kinds: [String: Kind] {
        var found: [String: Kind] = [:]
        for image in images {
            for (name, kind) in Self.kinds(of: image) where found[Self.plain(name)] == nil {
                found[Self.plain(name)] = kind
            }
        }
        return found
    }

    private static let kindLimit = 256

    private static func kinds(of image: AdapterImage) -> [(name: String, kind: Kind)] {
        guard !image.optionsSchema.isEmpty,
            let schema = try? JSONValue.parse(image.optionsSchema, maximumDepth: OptionsSchema.depth)
        else { return [] }
        var kinds: [(String, Kind)] = []
        for (option, property) in schema["properties"]?.object?.members ?? [] {
            for (name, value) in property["x-nexus-kinds"]?.object?.members ?? [] where !plain(name).isEmpty {
                kinds.append((name, Kind(type: image.type, option: option, value: value)))
            }
        }
        return Array(kinds.prefix(kindLimit))
    }

    private func isDefault(_ kind: Kind) -> Bool {
        guard let text = image(type: kind.type)?.optionsSchema, let schema = try? JSONValue.parse(text) else {
            return false
        }
        return schema["properties"]?[kind.option]?["default"] == kind.value
    }

    static func plain(_ name: String) -> String {
        String(
            String.UnicodeScalarView(
                name.unicodeScalars.compactMap { scalar in
                    switch scalar.value {
                    case 0x30...0x39, 0x61...0x7A: scalar
                    case 0x41...0x5A: UnicodeScalar(scalar.value | 0x20)
                    default: nil
                    }
                }))
    }
}
