import ABIRules
import AdapterHost
import Glibc
import JSON
import PluginAPI
import Synchronization

/// One action that is run on a thread of its own, with a server that answers at once, and what the adapter made of it.
/// From any thread.
final class ScriptedAction: Sendable {
    struct Progress: Equatable, Sendable {
        var done: UInt64
        var total: UInt64
        var message: [UInt8]
        var text: String { String(decoding: message, as: UTF8.self) }
    }

    /// When the operator cancels it.
    enum Cancellation: Sendable {
        case never
        case beforeStart
        /// In its first HTTP request, after so many of its events.
        case inRequest(events: Int)
    }

    struct Content: Sendable {
        /// Nil: the function has not returned.
        var status: nexus_status?
        var isCancelled = false
        var progress: [Progress] = []
        /// The last one that was JSON.
        var result: [UInt8]?
        /// The first one.
        var failure: ScriptedTask.Failure?
        var sent: [UpstreamRequest] = []
        /// An HTTP request was refused, or ended as cancelled, because the action was.
        var lostRequest = false
        /// All texts that the adapter gave, to be searched.
        var texts: [[UInt8]] = []
    }

    /// Progress and texts of a run that are kept.
    private static let kept = 10_000

    private let handle: nexus_task
    private let cancellation: Cancellation
    private let respond: @Sendable (UpstreamRequest) -> Arrival
    private let breaches: Breaches
    private let content: Mutex<Content>
    private let thread = Atomic<UInt>(0)

    private static let all = Mutex<(next: UInt64, live: [nexus_task: ScriptedAction])>((1, [:]))

    private init(
        _ cancellation: Cancellation, breaches: Breaches, respond: @escaping @Sendable (UpstreamRequest) -> Arrival
    ) {
        self.cancellation = cancellation
        self.respond = respond
        self.breaches = breaches
        var content = Content()
        if case .beforeStart = cancellation { content.isCancelled = true }
        self.content = Mutex(content)
        handle = Self.all.withLock { all in
            defer { all.next += 1 }
            return Inbox.Handle.make(loop: 0, kind: Inbox.Handle.action, number: all.next)
        }
    }

    /// Nil: there is none, or its function has returned.
    static func of(_ handle: nexus_task) -> ScriptedAction? { all.withLock { $0.live[handle] } }

    // MARK: Running

    /// Invariant behind the unchecked Sendable: the adapter promises to take actions on any thread.
    private struct Crossing: @unchecked Sendable {
        let instance: UnsafeMutableRawPointer?
    }

    /// Runs `call` until it returns. One that is still under way after `patience` is cancelled, as it may be made to last;
    /// whoever does not return then blocks the caller.
    /// - Parameter patience: milliseconds.
    static func run(
        _ call: ActionCall, _ arguments: ActionArguments, _ backend: ScriptedBackend, _ cancellation: Cancellation,
        breaches: Breaches, patience: Int, respond: @escaping @Sendable (UpstreamRequest) -> Arrival
    ) -> Content {
        let action = ScriptedAction(cancellation, breaches: breaches, respond: respond)
        all.withLock { $0.live[action.handle] = action }
        let crossing = Crossing(instance: backend.instance)
        let done = Semaphore()
        DetachedThread.run("action") {
            action.thread.store(UInt(pthread_self()), ordering: .sequentiallyConsistent)
            let status = call.run(crossing.instance, action.handle, arguments)
            all.withLock { $0.live[action.handle] = nil }
            action.content.withLock { $0.status = status }
            done.signal()
        }
        if !done.wait(milliseconds: patience) {
            action.content.withLock { $0.isCancelled = true }
            done.wait()
        }
        return action.content.withLock { $0 }
    }

    // MARK: The function's side

    var goesOn: Bool { content.withLock { !$0.isCancelled } }

    func breaks(_ text: String) -> nexus_status {
        breaches.record(.badArgument, text)
        return NEXUS_INVALID
    }

    func note(_ progress: Progress) {
        content.withLock { content in
            guard content.progress.count < Self.kept else { return }
            content.progress.append(progress)
            content.texts.append(progress.message)
        }
    }

    func note(_ failure: ScriptedTask.Failure) {
        content.withLock { content in
            content.failure = content.failure ?? failure
            content.texts += [failure.message, failure.body]
        }
    }

    func gave(_ json: [UInt8]) -> nexus_status {
        guard json.count <= ABILimits.result else { return NEXUS_TOO_LARGE }
        content.withLock { $0.texts.append(json) }
        guard (try? JSONValue.parse(json)) != nil else { return NEXUS_INVALID }
        content.withLock { $0.result = json }
        return NEXUS_OK
    }

    func http(
        _ given: nexus_http_request, _ handlers: nexus_http_handlers, _ user: UnsafeMutableRawPointer?
    ) -> nexus_status {
        guard UInt(pthread_self()) == thread.load(ordering: .sequentiallyConsistent) else {
            breaches.record(.wrongThread, "http of an action from a thread that is not the action's")
            return NEXUS_WRONG_THREAD
        }
        let request: UpstreamRequest
        do throws(Refusal) {
            request = try ScriptedHTTP.request(given, exchangeBody: nil)
        } catch {
            breaches.record(.badRequest, "http of an action: \(error.reason)")
            return error.status
        }
        let isTaken = content.withLock { content in
            if content.sent.count < Self.kept { content.sent.append(request) }
            if content.isCancelled { content.lostRequest = true }
            return !content.isCancelled
        }
        guard isTaken else { return NEXUS_STALE }
        deliver(respond(request), handlers, user)
        return NEXUS_OK
    }

    private func deliver(_ arrival: Arrival, _ handlers: nexus_http_handlers, _ user: UnsafeMutableRawPointer?) {
        let delivery = EventDelivery(handle: handle, handlers: handlers, user: user, scribbles: arrival.scribbles)
        var left: Int?
        if case .inRequest(let events) = cancellation { left = events }
        /// False, and on_end is called, once the action is cancelled.
        func goesOn() -> Bool {
            if left == 0 { content.withLock { $0.isCancelled = true } }
            left = left.map { $0 - 1 }
            let isCancelled = content.withLock { content in
                if content.isCancelled { content.lostRequest = true }
                return content.isCancelled
            }
            if isCancelled { delivery.end(NEXUS_HTTP_CANCELLED, "") }
            return !isCancelled
        }
        if let answer = arrival.answer {
            guard goesOn() else { return }
            delivery.head(answer)
            for piece in arrival.pieces {
                guard goesOn() else { return }
                delivery.body(piece)
            }
        }
        guard goesOn() else { return }
        // What never ends by itself ends when its time is up, which passes at once.
        guard let end = arrival.end else {
            return delivery.end(NEXUS_HTTP_TIMED_OUT, "the server did not answer in time")
        }
        delivery.end(end, arrival.message)
    }
}
