import AdapterHost
import Core
import NIOCore
import Store
import Synchronization
import Upstream

/// Knows what is wrong with the gateway and its backends: makes the pictures that `TroubleFold` folds. Callable from any thread.
final class TroubleDesk: Sendable {
    private struct State {
        var fold = TroubleFold()
        /// As of the last watch: to add them up takes longer than anything else that is looked at.
        var errors: [TroublePicture.ModelErrors] = []
        /// What subscribers were told last.
        var told = TroubleList()
    }

    private let state = Mutex(State())

    /// What is wrong now.
    func look(at gateway: GatewayState) -> TroubleList {
        // One look at a time, so that pictures are folded in the order in which they were made.
        state.withLock { state in
            state.fold.take(gateway.troublePicture(errors: state.errors))
            return state.fold.list
        }
    }

    /// The same, with how requests went of late. Tells subscribers what has changed.
    func watch(_ gateway: GatewayState) {
        let errors = gateway.failingModels
        let (list, isOther) = state.withLock { state in
            state.errors = errors
            state.fold.take(gateway.troublePicture(errors: errors))
            defer { state.told = state.fold.list }
            return (state.fold.list, state.fold.list != state.told)
        }
        if isOther { gateway.broadcaster.publish(.trouble(list, at: Clock.preciseWallSeconds())) }
    }
}

/// Looks for trouble once a second, away from the loops.
enum TroubleWatch {
    static let interval = TimeAmount.seconds(1)

    static func start(_ state: GatewayState, on loop: any EventLoop) {
        loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            // Where there is no time for it now, there will be.
            _ = state.work.submit(size: 0) { state.watchTrouble() }
        }
    }
}

extension GatewayState {
    /// How long a connection that could not be made for want of descriptors is told of.
    private static let shortageShown = TimeAmount.seconds(10)
    /// Calls that hold up a loop are a trouble if they are more than the odd one on a busy machine.
    private static let stallThreshold: UInt64 = 3

    fileprivate var failingModels: [TroublePicture.ModelErrors] {
        let errors = errors
        return quality.failing(now: Clock.wallSeconds()).map { pair in
            TroublePicture.ModelErrors(
                backend: pair.backend, model: pair.model, attempts: pair.sums.attempts, failures: pair.sums.failures,
                message: errors.message(of: pair.backend, model: pair.model) ?? "")
        }
    }

    fileprivate func troublePicture(errors: [TroublePicture.ModelErrors]) -> TroublePicture {
        let (now, instant) = (Clock.preciseWallSeconds(), Clock.monotonicNanoseconds())
        var picture = TroublePicture(now: now, instant: instant)
        let conditions = registry.conditions
        let snapshot = registry.snapshot
        picture.backends = conditions.map {
            TroublePicture.Backend($0, in: snapshot, now: now, instant: instant)
        }
        picture.errors = errors
        let (queue, figures) = (settings.queue, admission.figures)
        picture.queue = TroublePicture.Queue(
            waiting: figures.waiting, limit: queue.enabled ? queue.maxSize : 0,
            refused: figures.full &+ figures.overShare)
        if let problem = lastReload?.problem {
            picture.reload = TroublePicture.Reload(problem: problem, at: lastReloadAt ?? now)
        }
        picture.stateProblem = stateProblem
        picture.certificate = listener.standing.map {
            TroublePicture.Certificate(expires: Double($0.expires), problem: $0.problem, since: $0.since)
        }
        if let trouble = store?.problem {
            let lost = trouble.lost > 0 ? "; \(trouble.lost) requests were not kept" : ""
            picture.historyProblem = TroublePicture.Outage(
                reason: "\(store?.path ?? ""): \(trouble.problem)\(lost)", since: trouble.since)
        }
        picture.collectorProblem = tracer.figures.problem.map {
            TroublePicture.Outage(reason: $0.words, since: Double($0.since))
        }
        picture.capturesProblem = captures.problem.map {
            TroublePicture.Outage(reason: $0.words, since: $0.since)
        }
        picture.misuse = misuse(conditions)
        picture.refusedFiles = library.rejected.compactMap(TroublePicture.RefusedFile.init)
        picture.memory = TroublePicture.Memory(used: memory.used, limit: memory.limit, refused: memory.refused)
        picture.lacksDescriptors = LocalShortage.happened(
            since: NIODeadline.uptimeNanoseconds(
                instant - min(instant, UInt64(Self.shortageShown.nanoseconds))))
        return picture
    }

    private func misuse(_ conditions: [BackendCondition]) -> [TroublePicture.Misuse] {
        let breaches = AdapterFigures.breaches.filter(\.isOwn)
        guard !breaches.isEmpty else { return [] }
        let types = Dictionary(conditions.map { ($0.identity.id, $0.identity.backendType) }) { first, _ in first }
        return breaches.map { breach in
            TroublePicture.Misuse(
                adapter: types[breach.backend] ?? "", backend: breach.backend, words: breach.words,
                count: breach.count, threshold: breach.kind == "stall" ? Self.stallThreshold : 1)
        }
        .sorted { ($0.adapter, $0.backend, $0.words) < ($1.adapter, $1.backend, $1.words) }
    }
}

extension TroublePicture.RefusedFile {
    /// Nil: nobody waits for it.
    fileprivate init?(_ file: AdapterLibrary.Rejected) {
        let reason: Reason
        switch file.problem.refusal {
        case .leftOut, .unknownQuarantine: reason = .quarantine
        case .unlisted: reason = file.keepsOlder ? .newVersion : .unlisted
        case .otherBytes: reason = file.keepsOlder ? .newVersion : .otherBytes
        case nil:
            guard file.keepsOlder else { return nil }
            reason = .newVersion
        }
        self.init(path: file.path, problem: "it \(file.problem)", reason: reason)
    }
}

extension TroublePicture.Backend {
    /// - Parameter snapshot: tells whether others serve what it has.
    fileprivate init(_ condition: BackendCondition, in snapshot: RegistrySnapshot, now: Double, instant: UInt64) {
        let past = condition.past
        self.init(
            id: condition.identity.id, name: condition.identity.name, status: condition.status,
            state: condition.state, statusSince: past.statusSince ?? condition.addedAt,
            failingSince: past.failingSince, reason: condition.reason ?? "", note: condition.stateReason ?? "")
        func wall(_ time: UInt64) -> Double { now + (Double(time) - Double(instant)) / 1e9 }
        flaps = past.flaps.recent(now: instant)
        rests = condition.counters.restList(now: instant).map {
            TroublePicture.Rest(model: $0.model, since: wall($0.since), until: wall($0.until))
        }
        guard status != .healthy, status != .draining else { return }
        breaker = condition.counters.breaker.reading(successes: condition.counters.successes, now: instant)
        let run = condition.counters.failureRun
        failuresInARow = run.count
        failuresSince = run.count > 0 ? wall(run.since) : nil
        isSole = Self.isSole(condition, in: snapshot)
    }

    private static func isSole(_ condition: BackendCondition, in snapshot: RegistrySnapshot) -> Bool {
        func serves(_ index: Int) -> Bool {
            let other = snapshot.backends[index]
            return other.status == .healthy && other.identity.id != condition.identity.id
        }
        let models = condition.models.filter { $0.id != Model.any }
        guard !models.isEmpty else { return !snapshot.backends.indices.contains(where: serves) }
        return models.contains { model in !(snapshot.candidates(for: model.id) ?? []).contains(where: serves) }
    }
}
