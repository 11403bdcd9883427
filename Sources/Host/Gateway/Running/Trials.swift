import AdapterHost
import Core
import Logging
import NIOCore

/// Backends that are made for a look and not kept: nobody else sees them, since each has a registry of its own.
struct Trials: Sendable {
    /// What came of one.
    enum Finding: Sendable {
        /// The adapter does not take it. In words for the operator.
        case refused(String)
        /// What a probe has found, perhaps that the server cannot be used.
        case probed(BackendView)
    }

    let loop: NIOLoopBound<LoopState>
    /// Called before the first connection to an https server.
    let prepareTLS: @Sendable () async -> Void

    /// Why its adapter does not take a backend; nil: it does. Nothing is sent.
    func refusal(_ definition: Configuration.Backend, library: AdapterLibrary) async -> String? {
        do throws(AdapterBackend.CreateFailure) {
            leave(try await make(definition, library).backend)
            return nil
        } catch {
            return error.message
        }
    }

    /// Asks the server.
    func probe(_ definition: Configuration.Backend, library: AdapterLibrary, timeout: TimeAmount) async -> Finding {
        let (registry, backend): (Registry, AdapterBackend)
        do throws(AdapterBackend.CreateFailure) {
            (registry, backend) = try await make(definition, library)
        } catch {
            return .refused(error.message)
        }
        _ = registry.add(backend.identity, driver: backend)
        let loop = loop
        await withCheckedContinuation { continuation in
            loop.eventLoop.execute {
                backend.probe(on: loop.eventLoop, timeout: timeout) { continuation.resume() }
            }
        }
        leave(backend)
        return registry.views.first.map { .probed($0) } ?? .refused("it was not probed")
    }

    private func make(
        _ definition: Configuration.Backend, _ library: AdapterLibrary
    ) async throws(AdapterBackend.CreateFailure) -> (registry: Registry, backend: AdapterBackend) {
        // Without a log of its own: what goes wrong is told to whoever asked.
        let quiet = Logger(label: "nexus") { _ in SwiftLogNoOpLogHandler() }
        let registry = Registry(
            failureThreshold: 1, recoveryThreshold: 1, broadcaster: Broadcaster(), onSnapshot: { _ in })
        let factory = BackendFactory(registry: registry, logger: quiet, prepareTLS: prepareTLS)
        let identity = BackendFactory.identity(
            of: definition, source: definition.source, image: library.image(type: definition.type))
        return (registry, try await factory.make(definition, identity, library: library))
    }

    /// Ends an instance, and waits for nothing: an adapter may take its time.
    private func leave(_ backend: AdapterBackend) {
        let loop = loop
        Task {
            try? await loop.eventLoop.submit { backend.closeConnections(on: loop.eventLoop) }.get()
            await backend.end()
        }
    }
}
