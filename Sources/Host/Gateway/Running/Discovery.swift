import AdapterHost
import Core
import NIOCore
import NIOPosix

/// Finds servers on this machine when nothing is configured: asks each adapter for the addresses at which its kind of server
/// listens by default, and keeps those that a probe finds healthy.
struct Discovery {
    /// How long a default address may take to answer.
    static let timeout = TimeAmount.seconds(2)

    let trials: Trials
    let ownPort: Int

    func run(_ adapters: AdapterLibrary) async -> [Configuration.Backend] {
        var found: [Configuration.Backend] = []
        for image in adapters.images {
            for text in image.defaultURLs {
                guard let url = try? BackendURL(text), url.port != ownPort,
                    await accepts(url), await isHealthy(image, url, adapters)
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
            let channel = try await ClientBootstrap(group: trials.loop.eventLoop).connectTimeout(Self.timeout)
                .connect(host: url.host, port: url.port).get()
            try? await channel.close()
            return true
        } catch {
            return false
        }
    }

    private func isHealthy(_ image: AdapterImage, _ url: BackendURL, _ adapters: AdapterLibrary) async -> Bool {
        let definition = Configuration.Backend(name: "discovery", type: image.type, url: url)
        guard case .probed(let view) = await trials.probe(definition, library: adapters, timeout: Self.timeout) else {
            return false
        }
        return view.status.serves
    }
}
