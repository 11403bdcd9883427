import AdapterHost
import Core
import Logging
import NIOCore
import Synchronization

/// Which adapters are left out for their crashes in earlier runs, and where this run would note its own. Callable from any thread;
/// what it does may block for the disk, so never on an event loop.
final class AdapterQuarantine: Sendable {
    private struct State {
        /// Nil: there is no place in which anything is kept.
        var folder: QuarantineFolder?
        /// As found at the start, without what was taken back since: nothing is left out while it runs well.
        var counts = CrashCounts()
        /// What was seen to be kept: if it is not there any more, somebody has taken it back.
        var kept: Set<ContentHash> = []
        /// Why the counts cannot be told; nil: they can.
        var unknown: String?
        var run: QuarantineFolder.Run?
        var limit = 0
    }

    private let state = Mutex(State())

    // MARK: The run

    /// Counts how earlier runs have ended, and keeps how this one ends. Before any adapter is loaded.
    func begin(_ adapters: Configuration.Adapters, logger: Logger) {
        guard let path = adapters.quarantineFolder else {
            if adapters.quarantineAfter > 0 {
                logger.notice("crashes of adapters are not counted: there is no state directory (XDG_STATE_HOME, HOME)")
            }
            return state.withLock { $0.limit = adapters.quarantineAfter }
        }
        let folder = QuarantineFolder(path: path)
        do throws(QuarantineFolder.Failure) {
            let beginning = try folder.begin(limit: adapters.quarantineAfter)
            state.withLock { state in
                state = State(
                    folder: folder, counts: beginning.counts, run: beginning.run, limit: adapters.quarantineAfter)
            }
            for problem in beginning.problems { logger.warning("crashes of adapters: \(problem)") }
            if let run = beginning.run {
                run.keepEnd()
            } else {
                logger.warning("should an adapter end this run by a crash, that will not be counted")
            }
        } catch {
            logger.error("no adapter is loaded, since it cannot be told which are in quarantine: \(error)")
            state.withLock { $0 = State(folder: folder, unknown: error.description, limit: adapters.quarantineAfter) }
        }
    }

    /// Nothing that comes from here on is noted.
    /// - Parameter used: contents that were in use until an orderly end; nil: it was none.
    func end(used: Set<ContentHash>?) {
        let run = state.withLock { state in
            defer { state.run = nil }
            return state.run
        }
        run?.end()
        if let used { calm(used) }
    }

    /// These were in use for so long, or until the end, that what they did before counts no more.
    func calm(_ hashes: Set<ContentHash>) {
        let (folder, counted, limit) = state.withLock { state in
            (state.folder, hashes.intersection(state.counts.entries.keys), state.limit)
        }
        guard let folder, !counted.isEmpty else { return }
        // If it cannot be written it is tried again with the next look, and they crash no more for that.
        guard (try? folder.change([.calm(counted)], limit: limit)) != nil else { return }
        state.withLock { $0.counts.take(.calm(counted), limit: limit) }
    }

    // MARK: What is left out

    /// - Parameter adapters: as they are configured now.
    func rules(_ adapters: Configuration.Adapters) -> AdapterRules {
        AdapterRules(
            allow: adapters.allow,
            quarantine: state.withLock { state in
                if let unknown = state.unknown, adapters.quarantineAfter > 0 { return .unknown(unknown) }
                return .files(state.counts.leftOut(limit: adapters.quarantineAfter))
            })
    }

    /// Looks for what was taken back elsewhere, and whether what could not be read can be now.
    func refresh() {
        guard let folder = state.withLock({ $0.folder }) else { return }
        do throws(QuarantineFolder.Failure) {
            let kept = try folder.read()
            state.withLock { state in
                if state.unknown != nil {
                    state.counts = kept
                    state.unknown = nil
                } else {
                    let gone = state.kept.filter { kept.entries[$0] == nil }
                    state.counts.take(.released(gone), limit: state.limit)
                }
                state.kept = Set(kept.entries.keys)
            }
        } catch {
            // What was known stays known.
        }
    }

    /// Takes back what an operator names.
    /// - Parameter more: contents that he may mean besides.
    /// - Returns: what was taken back; empty: nothing is called so.
    func release(_ name: String, or more: Set<ContentHash>) throws(QuarantineFolder.Failure) -> Set<ContentHash> {
        let (folder, counts, limit) = state.withLock { ($0.folder, $0.counts, $0.limit) }
        guard let folder else { return [] }
        let named = counts.named(name).union(more.intersection(counts.entries.keys))
        guard !named.isEmpty else { return [] }
        try folder.change([.released(named)], limit: limit)
        state.withLock { $0.counts.take(.released(named), limit: limit) }
        return named
    }
}

/// Forgets crashes of adapters that have been in use without one for a while.
enum QuarantineWatch {
    static let interval = TimeAmount.seconds(60)

    static func start(_ state: GatewayState, on loop: any EventLoop) {
        loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            _ = state.work.submit(size: 0) {
                let since = Clock.preciseWallSeconds() - Double(CrashCounts.calmSeconds)
                state.quarantine.calm(Set(state.library.images.lazy.filter { $0.loadedAt <= since }.compactMap(\.hash)))
            }
        }
    }
}
