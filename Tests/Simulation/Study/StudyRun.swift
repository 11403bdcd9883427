import Core
import Glibc
import Logging
import NIOCore

@testable import Gateway

func naturalLogarithm(_ value: Double) -> Double { log(value) }

/// One strategy in one scenario: the gateway's own exchanges, router, admission, breakers, budget of retries and health, in virtual
/// time, with servers that are models of servers and clients that only look at the clock.
enum StudyRun {
    struct Outcome: Sendable {
        /// Seconds to the first token, sorted, of all that were answered.
        var waits: [Double] = []
        var failed = 0
        /// Seconds until those were refused that were, and answers that ended while requests came.
        var refusals: [Double] = []
        var inTime = 0
        var retries = 0
        var loads = 0
        /// Requests by backend.
        var served: [Int] = []
        /// What each could do of all that all could do together, 0...1.
        var capacity: [Double] = []

        var mean: Double { waits.isEmpty ? 0 : waits.reduce(0, +) / Double(waits.count) }
        func percentile(_ percent: Double) -> Double {
            waits.isEmpty ? 0 : waits[min(waits.count - 1, Int(Double(waits.count) * percent / 100))]
        }

        mutating func add(_ other: Outcome) {
            waits = (waits + other.waits).sorted()
            failed += other.failed
            retries += other.retries
            loads += other.loads
            served += other.served
            capacity += other.capacity
        }
    }

    static func run(
        _ scenario: StudyScenario, _ strategy: Configuration.Routing.Strategy, seed: UInt64,
        _ change: (inout Configuration) -> Void = { _ in }
    ) -> Outcome {
        let loop = VirtualLoop()
        defer { loop.finish() }
        let (backends, requests) = scenario.draw(seed: seed)
        var configuration = Configuration()
        configuration.routing.strategy = strategy
        configuration.server.maxMemoryBytes = 1024 * 1024 * 1024
        configuration.server.streamKeepAlive = .zero
        configuration.queue.maxSize = 10_000
        configuration.queue.maxWait = .seconds(3600)
        configuration.timeouts.firstByte = nil
        configuration.timeouts.total = nil
        change(&configuration)

        let broadcaster = Broadcaster()
        let updates = LoopUpdates()
        let registry = Registry(
            failureThreshold: configuration.healthCheck.failureThreshold,
            recoveryThreshold: configuration.healthCheck.recoveryThreshold, breaker: configuration.breaker,
            broadcaster: broadcaster, onSnapshot: { _ in updates.send() })
        let state = GatewayState(
            settings: LiveSettings(configuration), logs: .silent,
            registry: registry, broadcaster: broadcaster, historyCapacity: 16,
            clock: { [loop] in loop.now.uptimeNanoseconds })
        let loopState = LoopState(
            index: 0, eventLoop: loop, shared: state, quota: ClientQuota(DescriptorLimits(limit: 65536), loops: 1),
            random: SeededRandom(seed: seed))
        let bound = NIOLoopBound(loopState, eventLoop: loop)
        var servers: [StudyServer] = []
        for (index, traits) in backends.enumerated() {
            let id = "b\(index)"
            let server = StudyServer(id: id, traits, loop: loop, registry: registry) { name in
                Int(name).map { requests[$0] }
            }
            var timeouts = configuration.timeouts
            timeouts.gap = .seconds(86_400)
            _ = registry.add(
                BackendIdentity(
                    id: id, name: id, url: "", backendType: "study", priority: 50, maxConcurrent: traits.limit,
                    timeouts: timeouts), driver: server)
            server.tell()
            registry.record(HealthReport(outcome: .healthy), of: id, now: Clock.preciseWallSeconds())
            servers.append(server)
        }
        // The loop sees each change as soon as there is one; all that were there before, now.
        updates.join(loopState)
        let monitor = HealthMonitor(state: state, loops: [bound], configuration.healthCheck)
        let clients = StudyClients(loopState, loop, requests)
        clients.start()

        let end = UInt64(scenario.seconds + 7200) * 1_000_000_000
        while clients.isUnderWay, loop.step(until: end) {}
        configuration.healthCheck.enabled = false
        monitor.schedule(configuration.healthCheck)
        updates.end()
        var outcome = clients.outcome
        outcome.loads = servers.reduce(0) { $0 + $1.loads }
        outcome.served = servers.map(\.served)
        let all = backends.reduce(0) { $0 + $1.speed * Double($1.slots) }
        outcome.capacity = backends.map { $0.speed * Double($0.slots) / all }
        return outcome
    }
}

/// Those who ask in the study.
private final class StudyClients {
    private let loopState: LoopState
    private let loop: VirtualLoop
    private let requests: [StudyScenario.Request]
    private var exchanges: [Int: (exchange: Exchange, client: StudyClient)] = [:]
    private var next = 0
    private(set) var outcome = StudyRun.Outcome()

    init(_ loopState: LoopState, _ loop: VirtualLoop, _ requests: [StudyScenario.Request]) {
        self.loopState = loopState
        self.loop = loop
        self.requests = requests
    }

    var isUnderWay: Bool { next < requests.count || !exchanges.isEmpty }

    func start() {
        come()
        look()
    }

    private func come() {
        guard next < requests.count else { return }
        let due = UInt64(requests[next].time * 1e9)
        loop.after(due > loop.elapsed ? due - loop.elapsed : 0) { [self] in
            let number = next
            next += 1
            ask(number)
            come()
        }
    }

    /// As each loop of the gateway does it, though not so often: no limit of time matters here.
    private func look() {
        loopState.shared.admission.lookAtTime()
        let now = loop.now
        for number in exchanges.keys.sorted() { exchanges[number]?.exchange.lookAtTime(now: now) }
        loop.after(1_000_000_000) { [self] in if isUnderWay { look() } }
    }

    private func ask(_ number: Int) {
        let request = requests[number]
        let text = #"{"model":"\#(request.model)","stream":true}"#
        var peek = RequestPeek()
        peek.model = request.model
        (peek.stream, peek.streamIsGiven) = (true, true)
        let asked = ClientRequest(
            kind: .chat, path: "/v1/chat/completions", contentType: ClientRequest.json, isForm: false, peek: peek,
            model: request.model, body: ByteBuffer(string: text), stream: true, chain: nil)
        let context = RequestContext(
            id: String(number), peer: nil, method: .post, dialect: .openAI, path: "/v1/chat/completions", query: "",
            contentType: ClientRequest.json, wantsEvents: false, arrival: loop.now, credential: number % 7)
        let client = StudyClient(loop)
        let exchange = Exchange(asked, context: context, client: client, loop: loopState) { [self] in
            // In a turn of its own: the exchange is on the stack.
            loop.soon { [self] in ended(number) }
        }
        exchanges[number] = (exchange, client)
        exchange.start()
    }

    private func ended(_ number: Int) {
        guard let (exchange, client) = exchanges.removeValue(forKey: number) else { return }
        outcome.retries += max(0, exchange.dispatch.attempts - 1)
        guard let first = client.firstToken, !client.hasFailed else {
            outcome.failed += 1
            if client.isRefused { outcome.refusals.append(Double(loop.elapsed) / 1e9 - requests[number].time) }
            return
        }
        if next < requests.count { outcome.inTime += 1 }
        outcome.waits.append(Double(first) / 1e9 - requests[number].time)
        if !isUnderWay { outcome.waits.sort() }
    }
}

/// Where an answer goes in the study: notes when it begins.
private final class StudyClient: AnswerSink {
    private let loop: VirtualLoop
    private(set) var firstToken: UInt64?
    private(set) var hasFailed = false
    /// With an error of the gateway's own, before an answer began.
    private(set) var isRefused = false

    init(_ loop: VirtualLoop) { self.loop = loop }

    var isWritable: Bool { true }
    var isOverfull: Bool { false }
    var isOutOfMemory: Bool { false }
    func countRequest(_ bytes: Int) -> Bool { true }
    func requestIsDone() {}
    func writeWhole(status: Int, type: AnswerType, origin: AnswerOrigin, body: ByteBuffer) { firstToken = loop.elapsed }
    func write(_ answer: LocalAnswer) { hasFailed = true }
    func writeError(_ error: ErrorBody, origin: AnswerOrigin?) { (hasFailed, isRefused) = (true, true) }
    func writeFailure(_ failure: ExchangeFailure, body: [UInt8], origin: AnswerOrigin) { hasFailed = true }
    func beginPieces(status: Int, type: AnswerType, origin: AnswerOrigin?, first: ByteBuffer) {
        firstToken = loop.elapsed
    }
    func writePiece(_ piece: inout ByteBuffer) {}
    func endPieces(with last: [UInt8]) { if !last.isEmpty { hasFailed = true } }
    func flush() {}
    func abort() { hasFailed = true }
    func answered() {}
}
