import AdapterHost
import Core
import NIOCore
import NIOPosix

/// An event loop on which backends are tried where no gateway runs.
struct TrialBench: Sendable {
    let trials: Trials
    private let group: MultiThreadedEventLoopGroup

    /// Where a file of authorities cannot be used, which is told elsewhere, those of the system count.
    init(_ configuration: Configuration) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let tls = try (try? TLSContexts(configuration.upstream)) ?? TLSContexts(Configuration.Upstream())
        let broadcaster = Broadcaster()
        let registry = Registry(
            failureThreshold: 1, recoveryThreshold: 1, broadcaster: broadcaster, onSnapshot: { _ in })
        let state = GatewayState(
            settings: LiveSettings(configuration), logs: .silent, registry: registry, broadcaster: broadcaster,
            historyCapacity: 1)
        let eventLoop = group.next()
        let loop = try await eventLoop.submit {
            let services = LoopServices(loop: eventLoop, memory: state.memory, tlsContext: tls.client)
            services.bindToThread()
            let loop = LoopState(
                index: 0, eventLoop: eventLoop, shared: state,
                quota: ClientQuota(DescriptorLimits(limit: 1024), loops: 1))
            return NIOLoopBound(loop, eventLoop: eventLoop)
        }.get()
        trials = Trials(loop: loop, prepareTLS: { await tls.prepare() })
        self.group = group
    }

    /// Waits until the instances have ended, but not for one that does not.
    func end() async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await EndingInstances.untilNone() }
            tasks.addTask { try? await Task.sleep(for: .seconds(2)) }
            await tasks.next()
            tasks.cancelAll()
        }
    }
}
