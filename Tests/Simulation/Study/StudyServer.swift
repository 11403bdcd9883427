import Core
import JSON
import NIOCore

/// A model server in the study, and the driver of its backend at once: it has places, models in its memory, and a queue. A model
/// that is not loaded takes twenty seconds; what is loaded longest without use makes room, once nothing uses it.
///
/// Invariant behind the unchecked Sendable: all on one thread.
final class StudyServer: BackendDriver, @unchecked Sendable {
    /// One request at the server.
    final class Job: Attempt {
        fileprivate let sink: any AttemptSink
        fileprivate let request: StudyScenario.Request
        fileprivate unowned let server: StudyServer
        fileprivate var isOver = false
        fileprivate var hasPlace = false

        fileprivate init(_ sink: any AttemptSink, _ request: StudyScenario.Request, _ server: StudyServer) {
            self.sink = sink
            self.request = request
            self.server = server
        }

        func cancel() { server.leave(self) }
        func setPaused(_ paused: Bool) {}
    }

    let id: String
    private let loop: VirtualLoop
    private let registry: Registry
    private let traits: StudyScenario.Backend
    private let ask: (String) -> StudyScenario.Request?
    private var waiting: [Job] = []
    private var running: [Job] = []
    /// Those in memory, the one that was used last at the end; and the one that is being loaded.
    private var loaded: [String]
    private var loading: String?
    private var isProbed = false
    /// Times that a model was loaded, and requests served.
    private(set) var loads = 0
    private(set) var served = 0

    init(
        id: String, _ traits: StudyScenario.Backend, loop: VirtualLoop, registry: Registry,
        ask: @escaping (String) -> StudyScenario.Request?
    ) {
        self.id = id
        self.traits = traits
        self.loop = loop
        self.registry = registry
        self.ask = ask
        loaded = traits.loaded
        if let down = traits.down {
            loop.after(UInt64(down.lowerBound * 1e9)) { [weak self] in self?.die() }
        }
    }

    private var seconds: Double { Double(loop.elapsed) / 1e9 }
    private var isDown: Bool { traits.down?.contains(seconds) ?? false }
    private var speed: Double {
        seconds < traits.slowUntil && seconds > traits.slowUntil - 60 ? traits.speed / 5 : traits.speed
    }

    // MARK: Requests

    func submit(
        _ request: SubmittedRequest, sink: any AttemptSink, on loop: any EventLoop, deadline: NIODeadline
    ) -> (any Attempt)? {
        guard let asked = ask(request.requestID) else { return nil }
        let job = Job(sink, asked, self)
        sink.attemptSaw(.connecting)
        // The way there.
        self.loop.after(500_000) { [self] in arrive(job) }
        return job
    }

    private func arrive(_ job: Job) {
        guard !job.isOver else { return }
        guard !isDown else { return fail(job, .connect, "connection refused") }
        job.sink.attemptSaw(.connected)
        job.sink.attemptSaw(.requestWritten)
        waiting.append(job)
        pump()
    }

    private func fail(_ job: Job, _ kind: ExchangeFailure.Kind, _ message: String) {
        guard !job.isOver else { return }
        job.isOver = true
        job.sink.attemptFailed(ExchangeFailure(kind: kind, message: message))
    }

    /// Gives places to those that wait, in order; one that waits for room for its model holds up those behind it.
    private func pump() {
        var index = 0
        while index < waiting.count, running.count < traits.slots {
            let job = waiting[index]
            let model = job.request.model
            if let place = loaded.firstIndex(of: model) {
                loaded.append(loaded.remove(at: place))
                waiting.remove(at: index)
                begin(job)
            } else if loading == model {
                index += 1
            } else if loading == nil, makeRoom() {
                load(model)
                index += 1
            } else {
                return
            }
        }
    }

    /// False: all that is loaded is in use.
    private func makeRoom() -> Bool {
        if loaded.count < traits.room { return true }
        guard let idle = loaded.firstIndex(where: { model in !running.contains { $0.request.model == model } }) else {
            return false
        }
        loaded.remove(at: idle)
        return true
    }

    private func load(_ model: String) {
        loading = model
        loads += 1
        loop.after(UInt64(StudyScenario.loadSeconds * 1e9)) { [self] in
            guard loading == model else { return }
            loading = nil
            loaded.append(model)
            pump()
        }
    }

    private func begin(_ job: Job) {
        job.hasPlace = true
        running.append(job)
        let speed = speed
        loop.after(UInt64(job.request.promptTokens / (StudyScenario.reads * speed) * 1e9)) { [self] in
            guard !job.isOver, job.sink.attemptBegan(AttemptHead(status: 200)) else { return }
            _ = job.sink.attemptWrote(Self.piece)
            job.sink.attemptFlush()
            loop.after(UInt64(job.request.answerTokens / (StudyScenario.writes * speed) * 1e9)) { [self] in end(job) }
        }
    }

    private static let piece = ByteBuffer(string: #"data: {"choices":[{"delta":{"content":"a"}}]}"# + "\n\n")

    private func end(_ job: Job) {
        guard !job.isOver else { return }
        job.isOver = true
        served += 1
        remove(job)
        _ = job.sink.attemptFinished(
            ExchangeOutcome(
                promptTokens: UInt64(job.request.promptTokens), completionTokens: UInt64(job.request.answerTokens)))
        pump()
    }

    private func leave(_ job: Job) {
        guard !job.isOver else { return }
        job.isOver = true
        remove(job)
        pump()
    }

    private func remove(_ job: Job) {
        running.removeAll { $0 === job }
        waiting.removeAll { $0 === job }
    }

    /// It is gone, with all that it was doing and had in memory.
    private func die() {
        let jobs = running + waiting
        (running, waiting, loaded, loading) = (
            [], [], Array(traits.loaded.prefix(traits.models.count > 1 ? 0 : 1)), nil
        )
        for job in jobs { fail(job, .upstream, "the connection was reset") }
    }

    // MARK: Probes

    func probe(on loop: any EventLoop, timeout: TimeAmount, ended: @escaping () -> Void) {
        guard !isProbed else { return ended() }
        isProbed = true
        registry.probeBegan(
            of: id, now: self.loop.now.uptimeNanoseconds, timeout: UInt64(clamping: timeout.nanoseconds))
        self.loop.after(2_000_000) { [self] in
            isProbed = false
            let report =
                isDown
                ? HealthReport(outcome: .unhealthy, message: "connection refused") : HealthReport(outcome: .healthy)
            if !isDown { tell() }
            registry.record(
                report, of: id, now: Clock.preciseWallSeconds(), instant: self.loop.now.uptimeNanoseconds)
            ended()
        }
    }

    /// What an adapter tells of a server: its models, which of them are loaded, and how busy it is.
    func tell() {
        registry.record(
            traits.models.map { id in
                var model = Model(id: id)
                model.isLoaded = loaded.contains(id)
                return model
            }, of: id)
        registry.record(ServerLoad(slots: traits.slots, running: running.count, waiting: waiting.count), of: id)
    }

    // MARK: What else a driver is asked

    var isUsable: Bool { true }
    func supports(_ kind: RequestKind, told: UInt32) -> Bool { true }
    var offeredActions: [BackendAction] { [] }
    var taskCount: Int { waiting.count + running.count }
    func action(
        named name: String, arguments: JSONValue, id: String, tell: @escaping @Sendable (ActionEvent) -> Void
    ) throws(ActionRefusal) -> any ActionRunning { throw .notOffered }
    func retire() {}
    func closeConnections(on loop: any EventLoop) {}
    func end() async {}
}
