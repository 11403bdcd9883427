import AdapterHost
import Config
import Core
import Glibc
import Logging
import Upstream

/// Makes the instances behind backends of the configuration.
struct BackendFactory: Sendable {
    let registry: Registry
    let logger: Logger
    /// Called before the first connection to an https server.
    let prepareTLS: @Sendable () async -> Void

    /// - Parameter image: the adapter behind it; nil: none is there.
    static func identity(
        of definition: Configuration.Backend, source: String, image: AdapterImage?
    ) -> BackendIdentity {
        BackendIdentity(
            id: definition.name, name: definition.name, url: definition.url.description,
            backendType: definition.type, writtenType: definition.writtenType, priority: definition.priority,
            maxConcurrent: definition.maxConcurrent, isEnabled: definition.isEnabled, timeouts: definition.timeouts,
            modelTimeouts: definition.modelTimeouts, discoverySource: source,
            labels: image.map { ["adapter_version": $0.version, "adapter_image": "\($0.ordinal)"] } ?? [:])
    }

    /// An instance of the adapter that the library has for the type; not in the registry yet.
    func make(
        _ definition: Configuration.Backend, _ identity: BackendIdentity, library: AdapterLibrary
    ) async throws(AdapterBackend.CreateFailure) -> AdapterBackend {
        if let problem = Self.problem(with: definition, library: library) {
            throw AdapterBackend.CreateFailure(message: problem)
        }
        guard let image = library.image(type: definition.type) else {
            throw AdapterBackend.CreateFailure(message: "no adapter of type \"\(definition.type)\" is loaded")
        }
        var log = logger
        log[metadataKey: "backend"] = "\(definition.name)"
        let url = definition.url
        if url.isTLS { await prepareTLS() }
        return try await AdapterBackend.make(
            identity: identity, image: image,
            target: UpstreamTarget(host: url.host, port: url.port, isTLS: url.isTLS, basePath: url.path),
            apiKeys: try definition.apiKeyEnv.map(Self.key), options: definition.options,
            secretOptions: definition.secretOptions, registry: registry, logger: log)
    }

    /// Why no instance can be made, as far as that can be told without the adapter; nil: nothing is known that is wrong.
    /// - Parameter definition: of a type as the adapters know it.
    static func problem(with definition: Configuration.Backend, library: AdapterLibrary) -> String? {
        if let image = library.image(type: definition.type) {
            return OptionsSchema.problem(options: definition.options, schema: image.optionsSchema)
        }
        // Its name may be known, and say something else than the options do.
        do throws(AdapterLibrary.TypeProblem) {
            _ = try library.resolved(definition)
        } catch {
            if error != .unknown { return error.message }
        }
        let known = library.images.map(\.type).sorted().joined(separator: ", ")
        let near = Suggestion.nearest(definition.type, in: library.typeNames)
        return "no adapter of type \"\(EntryLimits.cutBytes(definition.type, to: 100))\" is loaded; "
            + (near.map { "did you mean \"\($0)\"? " } ?? "") + "there are: \(known.isEmpty ? "none" : known)"
    }

    /// What is wrong with the variable that should hold a key; nil: nothing.
    static func keyProblem(_ name: String) -> String? {
        do throws(AdapterBackend.CreateFailure) {
            _ = try key(name)
            return nil
        } catch {
            return error.message
        }
    }

    private static func key(_ name: String) throws(AdapterBackend.CreateFailure) -> String {
        guard let value = getenv(name), value.pointee != 0 else {
            throw AdapterBackend.CreateFailure(
                message: "the environment variable \(shown(name))(api_key_env) is not set")
        }
        // Files and secrets end in a line end that is no part of the key.
        let bytes = UnsafeRawBufferPointer(start: value, count: strlen(value))
        let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        let end = start.lastIndex { $0 > 0x20 }
        let key = end.map { String(decoding: start[...$0].drop { $0 <= 0x20 }, as: UTF8.self) } ?? ""
        guard !key.isEmpty else {
            throw AdapterBackend.CreateFailure(
                message: "the environment variable \(shown(name))(api_key_env) holds nothing but space")
        }
        guard key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw AdapterBackend.CreateFailure(
                message: "the environment variable \(shown(name))(api_key_env) holds a space, a line end or another "
                    + "character that no key has")
        }
        return key
    }

    private static func shown(_ name: String) -> String { EnvironmentName.isPlain(name) ? name + " " : "" }
}
