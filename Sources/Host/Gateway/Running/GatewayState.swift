import AdapterHost
import Compression
import Core
import Dashboard
import Logging
import NIOCore
import Product
import Store
import Synchronization
import Tracing

/// A configuration that is in force.
struct AppliedConfiguration: Sendable {
    var value: Configuration
    /// How many were since the start, this one included.
    var version: Int
    /// Since when, in Unix seconds.
    var at: Double
}

/// What all event loops share. Immutable, except for parts that synchronise themselves.
final class GatewayState: Sendable {
    static let version = "\(Product.version)"

    let logs: Logs
    let registry: Registry
    let ledger: Ledger
    let broadcaster: Broadcaster
    let actions: ActionRuns
    /// What requests and answers of all connections take.
    let memory: MemoryBudget
    /// Who waits for a place.
    let admission: Admission
    /// Does what would hold up an event loop.
    let work: WorkPool
    /// All event loops, to be asked what they have.
    let loops = LoopRoll()
    /// Live updates of the exchanges under way.
    let pictures = RequestPictures()
    /// Who watches the text of exchanges.
    let glass = GlassDesk()
    /// What operators have the gateway do.
    let commands = CommandDesk()
    /// Which retries there may be.
    let retries: RetryAllowance
    /// Makes and checks the cookies of operators who sign in on the page.
    let seal = SessionSeal()
    /// What operators had done.
    let audit = AuditTrail()
    /// Who is refused, and tries to sign in.
    let door = Door()
    /// Connections by their clients.
    let addresses = AddressPlaces()
    /// What holds most of `memory`.
    let heaviest = Heaviest()
    /// When an answer is late, and what came of asking a second backend.
    let hedges = Hedges()
    /// Sends spans of what ends to a collector, where one is configured.
    let tracer = SpanExporter()
    /// Whether requests should come here.
    let readiness = Readiness()
    /// What connections of clients begin with.
    let listener: ListenerTLS
    private let keeping = HistoryKeeping()
    /// Keeps bodies of requests and answers, where that is wanted.
    let captures = CaptureDesk()
    /// Which adapters are left out for their crashes.
    let quarantine = AdapterQuarantine()
    private let settledHistory: History
    private let settledFigures: ExchangeFigures
    private let settledQuality = QualityFigures()
    private let settledErrors = LastErrors()
    private let settledGenAI = GenAIFigures()
    private let settledResponses = ResponseFigures()
    private let desk = TroubleDesk()
    private let settledSeries = SeriesFigures()
    private let startedAt = Clock.monotonicMilliseconds()
    private let changing: Mutex<Changing>

    private struct Changing {
        var settings: LiveSettings
        var library: AdapterLibrary
        var lastReload: ReloadOutcome?
        var lastReloadAt: Double?
        var configuration: AppliedConfiguration?
        var reprobe: (@Sendable (BackendSnapshot) -> Void)?
        var reload: (@Sendable (_ allowsEmpty: Bool) async -> ReloadOutcome)?
        var command: (@Sendable (BackendCommand) async -> CommandResult)?
        var stateProblem: String?
        var release: (@Sendable (String) async -> AdapterRelease)?
    }

    init(
        settings: LiveSettings, logs: Logs, registry: Registry, broadcaster: Broadcaster, historyCapacity: Int,
        listener: ListenerTLS = ListenerTLS(), work: WorkPool = .gateway, requestLog: RequestLog? = nil,
        clock: @escaping @Sendable () -> UInt64 = { NIODeadline.now().uptimeNanoseconds }
    ) {
        // Loads libraries, which no event loop should wait for.
        _ = ContentCoding.known
        self.work = work
        self.listener = listener
        retries = RetryAllowance(settings.routing)
        self.logs = logs
        self.registry = registry
        settledHistory = History(capacity: historyCapacity)
        settledFigures = ExchangeFigures()
        ledger = Ledger(
            instance: GatewayInstance(startedAt: Clock.wallSeconds()),
            sinks: [
                settledHistory, settledFigures, settledQuality, settledErrors, settledSeries, broadcaster,
                registry.estimates, settledGenAI, settledResponses, tracer, keeping,
            ] + [requestLog].compactMap { $0 as (any LedgerSink)? })
        self.broadcaster = broadcaster
        memory = MemoryBudget(limit: settings.maximumMemory)
        admission = Admission(settings.queue, clock: clock) { limits in
            let snapshot = registry.snapshot
            return { Vacancies.mayFind($0, in: snapshot, under: limits) }
        }
        changing = Mutex(Changing(settings: settings, library: AdapterLibrary()))
        actions = ActionRuns { broadcaster.publish(.action($0)) }
    }

    /// Of the gateway as a whole.
    var logger: Logger { logs.gateway }

    var uptimeSeconds: UInt64 { UInt64(max(0, Clock.monotonicMilliseconds() - startedAt) / 1000) }

    /// The newest exchanges, with everything that has ended by now.
    var history: History {
        ledger.settle()
        return settledHistory
    }

    /// What is counted of exchanges, with everything that has ended by now.
    var figures: ExchangeFigures {
        ledger.settle()
        return settledFigures
    }

    /// Keeps what ends in a file; nil: that is not wanted.
    var store: HistoryStore? { keeping.store }

    /// Keeps what an operator had done, in memory and in the file. Callable from any thread; returns at once.
    func keep(_ record: AuditRecord) { keeping.take(audit.append(record), instance: ledger.instance.id) }

    /// Keeps what ends as the configuration says from now on. The first file that can be read gives what earlier runs have counted
    /// and learnt. Blocks for as long as another file is still being written, a second at most.
    func keepHistory(_ configuration: Configuration.History) {
        // What has ended before belongs to the file before, also if the ledger was still to settle it.
        ledger.settle()
        settledHistory.capacity = configuration.capacity
        let logger = logs.history
        let memory = KeptMemory(figures: settledFigures, registry: registry, hedges: hedges) { [weak self] in
            self?.settings.keyring ?? .none
        }
        let owner = HistoryStore.Owner(
            restore: { memory.restore($0) }, figures: { memory.figures(changedBy: $0) },
            tell: { isGood, words in
                if isGood { logger.notice("\(words)") } else { logger.error("\(words)") }
            })
        if !keeping.keep(HistoryStore.Settings(configuration), owner) {
            logs.history.error("the history is not kept: the system has no thread left")
        }
    }

    /// Keeps bodies as the configuration says from now on. Blocks for as long as another file is still being written, a second at most.
    func keepCaptures(_ configuration: Configuration.Captures) {
        let logger = logs.history
        captures.keep(configuration) { isGood, words in
            if isGood { logger.notice("\(words)") } else { logger.error("\(words)") }
        }
    }

    /// Begins to send spans, stops, or sends them elsewhere, as the settings say. Until this is called once, none are sent.
    func trace(_ tracing: Configuration.Tracing?) {
        let settings = tracing.flatMap { tracing in
            tracing.otlp.map {
                SpanExporter.Settings(
                    collector: $0,
                    resource: OTLPEncoding.Resource(
                        service: tracing.serviceName, version: Self.version, instance: ledger.instance.id))
            }
        }
        guard tracer.set(settings) else { return }
        let (registry, logger, tracer) = (registry, logs.tracing, tracer)
        let owner = SpanExporter.Owner(
            servers: {
                let identities = registry.snapshot.backends.map(\.identity)
                return Dictionary(identities.map { ($0.id, TracedServer($0)) }) { first, _ in first }
            },
            tell: { isGood, words in
                if isGood { logger.notice("\(words)") } else { logger.error("\(words)") }
            })
        if !DetachedThread.start("nexus-tracing", { tracer.run(owner) }) {
            logs.tracing.error("spans are not sent: the system has no thread left")
        }
    }

    /// What is counted in the words of OpenTelemetry's conventions, with everything that has ended by now.
    var genAI: GenAIFigures {
        ledger.settle()
        return settledGenAI
    }

    /// With which statuses exchanges ended, with everything that has ended by now.
    var responses: ResponseFigures {
        ledger.settle()
        return settledResponses
    }

    /// How well attempts go, with everything that has ended by now.
    var quality: QualityFigures {
        ledger.settle()
        return settledQuality
    }

    /// Why attempts last failed, with everything that has ended by now.
    var errors: LastErrors {
        ledger.settle()
        return settledErrors
    }

    /// What is wrong now.
    var trouble: TroubleList { desk.look(at: self) }

    /// Looks for what is wrong, and tells subscribers if that has changed; to be called about once a second.
    func watchTrouble() { desk.watch(self) }

    /// What is shown over time, with everything that has ended by now.
    var series: SeriesFigures {
        ledger.settle()
        return settledSeries
    }

    /// Has the series know how much is in flight and waits; to be called once a second.
    func sampleSeries() {
        settledSeries.sample(
            at: Clock.wallSeconds(), queued: admission.count,
            inFlight: registry.snapshot.backends.map { ($0.identity.id, $0.counters.inFlight) })
    }

    /// Has routing know how often attempts have failed of late; to be called every few seconds.
    func noteQuality() { registry.record(errorRates: quality.errorRates(now: Clock.wallSeconds())) }

    /// What names of models stand for now.
    var modelNames: ModelNames { ModelNames(aliases: settings.aliases, snapshot: registry.snapshot) }

    // MARK: What changes

    /// Each loop has a copy; this is for whoever has none.
    var settings: LiveSettings {
        get { changing.withLock { $0.settings } }
        set {
            memory.limit = newValue.maximumMemory
            admission.set(newValue.queue)
            retries.set(newValue.routing)
            changing.withLock { $0.settings = newValue }
        }
    }

    /// The adapters that are loaded now.
    var library: AdapterLibrary {
        get { changing.withLock { $0.library } }
        set { changing.withLock { $0.library = newValue } }
    }

    /// What became of the last reload of the configuration; nil before the first.
    var lastReload: ReloadOutcome? { changing.withLock { $0.lastReload } }

    /// When that was, in Unix seconds.
    var lastReloadAt: Double? { changing.withLock { $0.lastReloadAt } }

    /// What is in force, as the operator wrote it; nil before the start is over.
    var configuration: AppliedConfiguration? { changing.withLock { $0.configuration } }

    /// A configuration is in force from now on.
    func applied(_ configuration: Configuration) {
        changing.withLock { changing in
            changing.configuration = AppliedConfiguration(
                value: configuration, version: (changing.configuration?.version ?? 0) + 1,
                at: Clock.preciseWallSeconds())
        }
    }

    func onReload(_ action: @escaping @Sendable (_ allowsEmpty: Bool) async -> ReloadOutcome) {
        changing.withLock { $0.reload = action }
    }

    /// Reads the configuration again and applies it. Nil while the gateway is still starting.
    func reload(allowsEmpty: Bool) async -> ReloadOutcome? {
        guard let action = changing.withLock({ $0.reload }) else { return nil }
        let outcome = await action(allowsEmpty)
        changing.withLock {
            $0.lastReload = outcome
            $0.lastReloadAt = Clock.preciseWallSeconds()
        }
        return outcome
    }

    func onCommand(_ action: @escaping @Sendable (BackendCommand) async -> CommandResult) {
        changing.withLock { $0.command = action }
    }

    /// Changes backends as an operator says. Nil while the gateway is still starting.
    func run(_ command: BackendCommand) async -> CommandResult? { await changing.withLock { $0.command }?(command) }

    func onRelease(_ action: @escaping @Sendable (String) async -> AdapterRelease) {
        changing.withLock { $0.release = action }
    }

    /// Takes an adapter back that is in quarantine. Nil while the gateway is still starting.
    func release(_ name: String) async -> AdapterRelease? { await changing.withLock { $0.release }?(name) }

    /// Why changes of backends that were kept are not in force, without what is in the file; nil: they are, or there are none.
    var stateProblem: String? {
        get { changing.withLock { $0.stateProblem } }
        set { changing.withLock { $0.stateProblem = newValue } }
    }

    /// A backend could not be reached: it is probed at once rather than at the next round.
    func noteUnreachable(_ backend: BackendSnapshot) { changing.withLock { $0.reprobe }?(backend) }

    func onUnreachable(_ action: @escaping @Sendable (BackendSnapshot) -> Void) {
        changing.withLock { $0.reprobe = action }
    }

    /// What the page shows now.
    /// - Parameter isWhole: with the figures of each model, which only the data that it begins with have.
    func page(isWhole: Bool) -> PageState {
        let views = registry.views
        var page = PageState(
            stats: Statistics(uptimeSeconds: uptimeSeconds, figures: figures, views: isWhole ? views : []),
            trouble: trouble,
            backends: views, history: history.entries,
            actions: actions.records.map { record in
                let isOver = record.progress.status != .running
                return PageAction(
                    record.progress, endedAt: isOver ? record.startedAt + record.milliseconds / 1000 : nil)
            },
            version: Self.version, now: Clock.wallSeconds())
        page.instance = ledger.instance
        page.waiting = admission.count
        return page
    }

    var statistics: Statistics {
        var statistics = Statistics(uptimeSeconds: uptimeSeconds, figures: figures, views: registry.views)
        (statistics.quality, statistics.qualityOmitted) = busiestPairs
        let now = Clock.monotonicNanoseconds()
        statistics.keys = settings.keyring.keys.map {
            Statistics.Key(name: $0.name, role: $0.rule.role, figures: $0.usage.figures(now: now))
        }
        return statistics
    }

    /// The pairs of a backend and a model with the most attempts, in order, and how many are left out.
    var busiestPairs: (pairs: [QualityFigures.Pair], omitted: Int) {
        let pairs = quality.pairs(now: Clock.wallSeconds())
        guard pairs.count > Statistics.qualityLimit else { return (pairs, 0) }
        let busiest = pairs.sorted { $0.sums.last?.attempts ?? 0 > $1.sums.last?.attempts ?? 0 }
        return (
            busiest.prefix(Statistics.qualityLimit).sorted { ($0.backend, $0.model) < ($1.backend, $1.model) },
            pairs.count - Statistics.qualityLimit
        )
    }
}
