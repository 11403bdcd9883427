import Adapters
import Core
import Glibc
import Logging
import Upstream

/// Makes backends of the configuration.
struct BackendFactory {
    let registry: Registry
    let adapters: AdapterLibrary
    let logger: Logger

    /// Creates and registers one backend. One whose adapter is missing or refuses is registered as failed with the
    /// reason, so that the operator sees it where he looks.
    func add(_ definition: Configuration.Backend, source: String = "config") async {
        let identity = BackendIdentity(
            id: definition.name, name: definition.name, url: definition.url.description,
            backendType: definition.type, priority: definition.priority, maxConcurrent: definition.maxConcurrent,
            discoverySource: source)
        var log = logger
        log[metadataKey: "backend"] = "\(definition.name)"
        do {
            let backend = try await make(definition, identity, log)
            if registry.add(identity, driver: backend) {
                log.info("backend added", metadata: ["type": "\(definition.type)", "url": "\(identity.url)"])
            }
        } catch {
            log.error("backend cannot be used: \(error.message)")
            _ = registry.add(identity, driver: FailedBackend(), lastError: error.message)
        }
    }

    private func make(
        _ definition: Configuration.Backend, _ identity: BackendIdentity, _ log: Logger
    ) async throws(AdapterBackend.CreateFailure) -> AdapterBackend {
        guard let image = adapters.image(type: definition.type) else {
            let known = adapters.images.map(\.type).sorted().joined(separator: ", ")
            throw AdapterBackend.CreateFailure(
                message:
                    "no adapter of type \"\(definition.type)\" is loaded; there are: \(known.isEmpty ? "none" : known)")
        }
        if let problem = OptionsSchema.problem(options: definition.options, schema: image.optionsSchema) {
            throw AdapterBackend.CreateFailure(message: problem)
        }
        var key = ""
        if let name = definition.apiKeyEnv {
            guard let value = getenv(name), value.pointee != 0 else {
                throw AdapterBackend.CreateFailure(
                    message: "the environment variable \(name) (api_key_env) is not set")
            }
            key = String(cString: value)
            guard key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw AdapterBackend.CreateFailure(
                    message: "the environment variable \(name) (api_key_env) holds a space, a line end or another "
                        + "character that no key has")
            }
        }
        let url = definition.url
        return try await AdapterBackend.make(
            identity: identity, image: image,
            target: UpstreamTarget(host: url.host, port: url.port, isTLS: url.isTLS, basePath: url.path), apiKey: key,
            options: definition.options, registry: registry, logger: log)
    }
}

/// Stands in the registry for a backend that could not be made.
final class FailedBackend: BackendDriver {}
