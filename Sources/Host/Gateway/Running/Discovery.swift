import AdapterHost
import Core
import Logging
import NIOCore
import NIOPosix
import Upstream

/// Finds servers on this machine when nothing is configured: asks each adapter for the addresses at which its kind of server
/// listens by default, and keeps those that a probe finds healthy.
struct Discovery {
    /// How long a default address may take to answer.
    static let timeout = TimeAmount.seconds(2)

    let loop: NIOLoopBound<LoopState>
    let ownPort: Int
    let logger: Logger

    func run(_ adapters: AdapterLibrary) async -> [Configuration.Backend] {
        var found: [Configuration.Backend] = []
        for image in adapters.images {
            for text in image.defaultURLs {
                guard let url = try? BackendURL(text), url.port != ownPort,
                    await accepts(url), await isHealthy(image, url)
                else { continue }
                found.append(
                    Configuration.Backend(name: "\(image.type)-\(url.port)", type: image.type, url: url))
            }
        }
        return found
    }

    /// Whether something listens there at all: most default addresses are answered "no" at once.
    private func accepts(_ url: BackendURL) async -> Bool {
        do {
            let channel = try await ClientBootstrap(group: loop.eventLoop).connectTimeout(Self.timeout)
                .connect(host: url.host, port: url.port).get()
            try? await channel.close()
            return true
        } catch {
            return false
        }
    }

    /// Probes with a registry of its own, so that nothing is seen of an address where nothing fitting answers.
    private func isHealthy(_ image: AdapterImage, _ url: BackendURL) async -> Bool {
        let registry = Registry(
            failureThreshold: 1, recoveryThreshold: 1, broadcaster: Broadcaster(), onSnapshot: { _ in })
        let identity = BackendIdentity(
            id: "discovery", name: "discovery", url: url.description, backendType: image.type, priority: 0)
        guard
            let backend = try? await AdapterBackend.make(
                identity: identity, image: image,
                target: UpstreamTarget(host: url.host, port: url.port, isTLS: url.isTLS, basePath: url.path),
                apiKeys: [], options: "{}", registry: registry, logger: logger)
        else { return false }
        _ = registry.add(identity, driver: backend)
        let loop = loop
        await withCheckedContinuation { continuation in
            loop.eventLoop.execute {
                backend.probe(on: loop.eventLoop, timeout: Self.timeout) { continuation.resume() }
            }
        }
        let healthy = registry.views.first?.status.serves ?? false
        await retire(backend)
        return healthy
    }

    private func retire(_ backend: AdapterBackend) async {
        let loop = loop
        try? await loop.eventLoop.submit { backend.closeConnections(on: loop.eventLoop) }.get()
        await backend.end()
    }
}
