import AdapterHost
import Core
import Upstream

/// `GET /metrics` in the Prometheus text format 0.0.4. Labels are names of backends and of models that a backend has or
/// had, of which the figures keep so many: no name that a client makes up becomes one. Asks the system: not for an event loop.
enum Metrics {
    static func text(_ state: GatewayState) -> [UInt8] {
        var page = MetricsPage()
        let snapshot = state.registry.snapshot
        page.begin(.buildInfo)
        page.sample([GatewayState.version], 1)
        page.add(.uptime, Double(state.uptimeSeconds))
        page.add(.ready, state.readiness.problem(snapshot) == nil ? 1 : 0)
        let totals = state.figures.totals
        page.begin(.requests)
        page.sample(["success"], Double(totals.success))
        page.sample(["error"], Double(totals.errors))
        page.begin(.responses)
        for each in state.responses.all { page.sample([each.api, each.code], Double(each.count)) }
        let kinds = Dictionary(grouping: state.trouble.items, by: \.kind)
        page.begin(.trouble)
        for kind in Trouble.Kind.allCases { page.sample([kind.rawValue], Double(kinds[kind]?.count ?? 0)) }
        addBackends(state, snapshot.backends, to: &page)
        addTokens(state, to: &page)
        addQuality(state.busiestPairs.pairs, to: &page)
        addRetries(state, to: &page)
        addQueue(state.admission.figures, to: &page)
        addKeys(state, to: &page)
        addInside(state, to: &page)
        addSinks(state, to: &page)
        addProcess(state, to: &page)
        addGenAI(state.genAI.all, to: &page)
        return page.bytes
    }

    // MARK: Backends

    private static func addBackends(_ state: GatewayState, _ backends: [BackendSnapshot], to page: inout MetricsPage) {
        func each(_ family: MetricFamily, _ value: (BackendSnapshot) -> Double) {
            page.begin(family)
            for backend in backends { page.sample(labels(backend.identity), value(backend)) }
        }
        let now = Clock.monotonicNanoseconds()
        let conditions = state.registry.conditions
        func condition(_ family: MetricFamily, _ value: (BackendCondition) -> Double?) {
            page.begin(family)
            for condition in conditions {
                if let value = value(condition) { page.sample(labels(condition.identity), value) }
            }
        }
        each(.backendUp) { $0.status.serves ? 1 : 0 }
        each(.backendDegraded) { $0.status == .degraded ? 1 : 0 }
        each(.breakerOpenings) { Double($0.counters.breaker.openings) }
        condition(.flaps) { Double($0.past.flaps.total) }
        condition(.flapsLastHour) { Double($0.past.flaps.recent(now: now).count) }
        each(.inFlight) { Double($0.counters.inFlight) }
        each(.attempts) { Double($0.counters.total) }
        each(.failures) { Double($0.counters.failures) }
        each(.latency) { $0.counters.averageLatencyMilliseconds }
        condition(.engineSlots) { $0.past.load?.told.slots.map { Double($0) } }
        condition(.engineRunning) { $0.past.load?.told.running.map { Double($0) } }
        condition(.engineWaiting) { $0.past.load?.told.waiting.map { Double($0) } }
        condition(.engineCache) { $0.past.load?.told.cacheUse }
    }

    private static func labels(_ backend: BackendIdentity) -> [String] { [backend.name, backend.backendType] }

    /// Tokens and times of answers, by backend and by model.
    private static func addTokens(_ state: GatewayState, to page: inout MetricsPage) {
        let backends = state.figures.backends.sorted { $0.key < $1.key }
        page.begin(.backendTokens)
        for (name, figures) in backends { page.tokens(name, figures.tokens) }
        page.begin(.generation)
        for (name, figures) in backends { page.sample([name], figures.tokens.generationSeconds) }
        page.begin(.firstToken)
        for (name, figures) in backends { page.histogram([name], figures.firstTokens) }
        page.begin(.duration)
        for (name, figures) in backends { page.histogram([name], figures.durations) }
        page.begin(.modelTokens)
        for model in state.figures.models where model.tokens != TokenFigures() {
            page.tokens(model.name, model.tokens)
        }
    }

    /// How well attempts went over some windows, by backend and model.
    private static func addQuality(_ pairs: [QualityFigures.Pair], to page: inout MetricsPage) {
        func samples(_ family: MetricFamily, _ value: (QualitySums) -> Double?) {
            page.begin(family)
            for pair in pairs {
                for (window, sums) in zip(QualityWindows.names, pair.sums) {
                    guard let value = value(sums) else { continue }
                    page.sample([pair.backend, pair.model, window], value)
                }
            }
        }
        samples(.qualityAttempts) { Double($0.attempts) }
        samples(.qualityErrors) { $0.attempts > 0 ? $0.errorRate : nil }
        samples(.qualityFirstToken) { $0.timeToFirstTokenMilliseconds.map { $0 / 1000 } }
        samples(.qualitySpeed) { $0.tokensPerSecond }
    }

    // MARK: The way of requests

    private static func addRetries(_ state: GatewayState, to page: inout MetricsPage) {
        let budget = state.retries.value
        page.add(.retries, Double(budget.granted))
        page.add(.retriesRefused, Double(budget.refused))
        page.add(.hedges, Double(state.hedges.begun))
        page.add(.hedgesWon, Double(state.hedges.wins))
    }

    /// Requests that waited for a place.
    private static func addQueue(_ figures: Admission.Figures, to page: inout MetricsPage) {
        page.add(.queueLength, Double(figures.waiting))
        page.begin(.queueEnded)
        page.sample(["served"], Double(figures.admitted))
        page.sample(["timeout"], Double(figures.timedOut))
        page.sample(["left"], Double(figures.left))
        page.add(.queueWait, Double(figures.waitNanoseconds) / 1e9)
        page.begin(.queueRefused)
        page.sample(["share"], Double(figures.overShare))
        page.sample(["full"], Double(figures.full))
    }

    /// What was done by keys. Their names are the operator's, of which there are so many.
    private static func addKeys(_ state: GatewayState, to page: inout MetricsPage) {
        let keyring = state.settings.keyring
        let now = Clock.monotonicNanoseconds()
        let keys = keyring.isRequired ? keyring.keys.map { ($0.name, $0.usage.figures(now: now)) } : []
        func each(_ family: MetricFamily, _ value: (KeyUsage.Figures) -> Double) {
            page.begin(family)
            for (name, figures) in keys { page.sample([name], value(figures)) }
        }
        each(.keyRequests) { Double($0.requests) }
        each(.keyRefused) { Double($0.refused) }
        each(.keyActive) { Double($0.active) }
        page.begin(.keyTokens)
        for (name, figures) in keys {
            page.sample([name, "prompt"], Double(figures.promptTokens))
            page.sample([name, "completion"], Double(figures.completionTokens))
        }
        page.begin(.accessRefused)
        for (reason, count) in state.door.counts.sorted(by: { $0.key < $1.key }) {
            page.sample([reason], Double(count))
        }
    }

    // MARK: The program

    private static func addInside(_ state: GatewayState, to page: inout MetricsPage) {
        page.add(.memory, Double(state.memory.used))
        page.add(.memoryLimit, Double(state.memory.limit))
        page.add(.memoryRefused, Double(state.memory.refused))
        page.add(.upstreamConnections, Double(UpstreamSockets.open.load(ordering: .relaxed)))
        page.add(.updatesSkipped, Double(state.broadcaster.skipped.load(ordering: .relaxed)))
        page.add(.logDropped, Double(GatewayLog.writer.dropped))
        page.add(.reload, state.lastReload.map { $0.problem == nil ? 1 : 0 })
        page.begin(.misuse)
        for (kind, count) in AdapterFigures.misuse { page.sample([kind], Double(count)) }
        page.add(.stalls, Double(LoopWatchdog.stalls))
        page.add(.lateCalls, Double(AdapterFigures.lateCalls))
    }

    private static func addSinks(_ state: GatewayState, to page: inout MetricsPage) {
        let trouble = state.store?.problem
        page.add(.storeUp, state.store.map { _ in trouble == nil ? 1 : 0 })
        page.add(.storeWaiting, state.store.map { Double($0.waitingCount) })
        page.add(.storeLost, state.store.map { _ in Double(trouble?.lost ?? 0) })
        page.begin(.captures)
        let captures = state.captures.store?.figures
        page.sample(["kept"], Double(captures?.kept ?? 0))
        page.sample(["lost"], Double(captures?.lost ?? 0))
        let tracing = state.tracer.figures
        page.add(.tracingUp, tracing.isOn ? tracing.isUp ? 1 : 0 : nil)
        page.add(.tracingExported, Double(tracing.exported))
        page.add(.tracingDropped, Double(tracing.dropped))
        page.add(.tracingWaiting, Double(tracing.waiting))
    }

    private static func addProcess(_ state: GatewayState, to page: inout MetricsPage) {
        page.add(.processMemory, ProcessFigures.residentBytes.map { Double($0) })
        page.add(.processTime, ProcessFigures.processorSeconds)
        page.add(.processStart, Double(state.ledger.instance.startedAt))
        page.add(.processFiles, ProcessFigures.openDescriptors.map { Double($0) })
        page.add(.processFileLimit, ProcessFigures.descriptorLimit.map { Double($0) })
    }

    private static func addGenAI(
        _ all: [(key: GenAIFigures.Key, sums: GenAIFigures.Sums)], to page: inout MetricsPage
    ) {
        func each(_ family: MetricFamily, _ parts: [(more: [String], of: KeyPath<GenAIFigures.Sums, FixedHistogram>)]) {
            page.begin(family)
            for (key, sums) in all {
                for part in parts {
                    page.histogram([key.operation, "nexus", key.model] + part.more, sums[keyPath: part.of])
                }
            }
        }
        each(.genAIDuration, [([""], \.durations), ([GenAI.other], \.failures)])
        each(.genAIFirstToken, [([], \.firstTokens)])
        each(.genAITokenTime, [([], \.tokenTimes)])
        each(.genAITokens, [(["input"], \.input), (["output"], \.output)])
    }
}
