import ABIRules
import Core
import Glibc
import JSON
import NIOCore
import PluginAPI
import Synchronization

/// One action under way on a thread of its own, as its function knows it by its handle. Callable from any thread.
public final class ActionRun: ActionRunning {
    public enum Limits {
        /// An action that takes longer is asked to return.
        public static let time = TimeAmount.hours(24)
        /// Progress is passed on no more often than this.
        static let progressInterval = TimeAmount.milliseconds(100)
    }

    private struct State {
        var progress: ActionProgress
        var result: [UInt8]?
        var failure: ExchangeFailure?
        var isCancelled = false
        /// Under way, the outer ones first.
        var requests: [ActionRequest] = []
        var lastTold: NIODeadline?
        /// There is progress that was not passed on.
        var isUntold = false
        var willTell = false
    }

    public let id: String
    /// Unix seconds.
    public let startedAt: Int64
    public let action: AdapterAction
    private let backend: AdapterBackend
    private let arguments: ActionArguments
    private let began = NIODeadline.now()
    private let deadline: NIODeadline
    private let tell: @Sendable (ActionEvent) -> Void
    private let state: Mutex<State>
    private let handleValue = Atomic<nexus_task>(0)
    private let thread = Atomic<UInt>(0)

    /// The tags below this are those of the loops (LoopServices.maximumLoops).
    private static let table = Mutex(HandleTable<ActionRun>(tag: 253))

    /// - Parameter tell: called with every event, one at a time, on any thread; must return at once and not call the run.
    init(
        id: String, action: AdapterAction, backend: AdapterBackend, arguments: ActionArguments,
        time: TimeAmount = Limits.time,
        tell: @escaping @Sendable (ActionEvent) -> Void
    ) {
        self.id = id
        self.action = action
        self.backend = backend
        self.arguments = arguments
        self.tell = tell
        startedAt = Clock.wallSeconds()
        deadline = began + time
        state = Mutex(State(progress: ActionProgress(id: id, backendID: backend.identity.id, action: action.name)))
        handleValue.store(
            Self.table.withLock { $0.insert(self, owner: backend.ordinal) }, ordering: .sequentiallyConsistent)
    }

    var handle: nexus_task { handleValue.load(ordering: .relaxed) }

    /// The run a handle names, while its function has not returned.
    static func of(_ handle: nexus_task, _ call: StaticString) -> ActionRun? {
        let (run, owner) = table.withLock { ($0[handle], $0.owner(of: handle)) }
        if run == nil { _ = HostTable.stale(call, owner) }
        return run
    }

    public var progress: ActionProgress { state.withLock { $0.progress } }

    public var milliseconds: Int64 { (NIODeadline.now() - began).nanoseconds / 1_000_000 }

    // MARK: Life

    /// Calls the function on a new thread; `ended` comes when it has returned.
    public func start() throws(ActionRefusal) {
        guard backend.began(self) else {
            forget()
            throw .backendGone
        }
        let started = DetachedThread.start("action") { [self] in
            state.withLock { tell(.progress($0.progress)) }
            thread.store(UInt(pthread_self()), ordering: .relaxed)
            let status = backend.calling { action.call.run(backend.instance, handle, arguments) }
            forget()
            end(status)
            backend.ended(self)
        }
        if started { return }
        forget()
        backend.ended(self)
        throw .tooMany
    }

    /// It will not be started.
    public func discard() { forget() }

    /// From here on the handle is stale.
    private func forget() { Self.table.withLock { _ = $0.remove(handle) } }

    /// Asks the function to return soon, and ends its HTTP requests.
    public func cancel() {
        let requests = state.withLock { state in
            state.isCancelled = true
            return state.requests
        }
        for request in requests { request.cancel() }
    }

    private var isTimeUp: Bool { NIODeadline.now() >= deadline }

    private func end(_ status: nexus_status) {
        state.withLock { state in
            if state.isUntold { tell(.progress(state.progress)) }
            state.isUntold = false
            if status == NEXUS_OK, !action.signature.givesResult || state.result != nil {
                state.progress.status = .succeeded
                if !action.signature.givesResult { state.result = nil }
            } else if state.isCancelled {
                state.progress.status = .cancelled
                state.result = nil
            } else {
                let failure = isTimeUp ? Self.timedOut : state.failure ?? Self.unexplained(status)
                state.failure = failure
                state.progress.status = .failed
                state.progress.error = failure.message
                state.result = nil
            }
            tell(
                .ended(
                    ActionEnd(
                        progress: state.progress, result: state.result,
                        failure: state.progress.status == .failed ? state.failure : nil,
                        milliseconds: milliseconds)))
        }
    }

    private static let timedOut = ExchangeFailure(kind: .timeout, message: "The action took longer than it may.")

    private static func unexplained(_ status: nexus_status) -> ExchangeFailure {
        ExchangeFailure(
            kind: .adapter,
            message: status == NEXUS_OK
                ? "The adapter reported success without a result."
                : "The adapter gave no reason (status \(status)).")
    }

    // MARK: The function's side

    func progressed(_ told: nexus_progress) {
        let message = backend.secrets.hidden(in: BorrowedText.line(told.message, limit: ABILimits.message))
        state.withLock { state in
            state.progress.done = Tally(told.done).value
            state.progress.total = told.total == 0 ? nil : Tally(told.total).value
            state.progress.message = message.isEmpty ? nil : message
            // A report that waits for its turn goes out then, not now as well.
            guard !state.willTell else {
                state.isUntold = true
                return
            }
            let now = NIODeadline.now()
            if let last = state.lastTold, now - last < Limits.progressInterval {
                state.isUntold = true
                let left = (Limits.progressInterval - (now - last)).nanoseconds / 1_000_000 + 1
                state.willTell = LoopServices.later(milliseconds: left) { [weak self] in self?.tellLate() }
            } else {
                state.lastTold = now
                state.isUntold = false
                tell(.progress(state.progress))
            }
        }
    }

    private func tellLate() {
        state.withLock { state in
            state.willTell = false
            guard state.isUntold else { return }
            state.isUntold = false
            state.lastTold = .now()
            tell(.progress(state.progress))
        }
    }

    func gave(_ json: UnsafeRawBufferPointer) -> nexus_status {
        guard json.count <= ABILimits.result else { return NEXUS_TOO_LARGE }
        guard (try? JSONValue.parse(json)) != nil else { return NEXUS_INVALID }
        // Without a byte order mark: the text becomes a part of another.
        let bytes = [UInt8](json.starts(with: [0xEF, 0xBB, 0xBF]) ? json.dropFirst(3) : json[...])
        let hidden = backend.secrets.hidden(inJSON: bytes) ?? JSONValue.string("[secret]").bytes
        state.withLock { $0.result = hidden }
        return NEXUS_OK
    }

    func failed(_ failure: ExchangeFailure) {
        let failure = backend.secrets.hidden(in: failure)
        state.withLock { if $0.failure == nil { $0.failure = failure } }
    }

    var goesOn: Bool { !state.withLock { $0.isCancelled } && !isTimeUp }

    func http(
        _ request: nexus_http_request, _ handlers: nexus_http_handlers, _ user: UnsafeMutableRawPointer?
    ) -> nexus_status {
        guard UInt(pthread_self()) == thread.load(ordering: .relaxed) else {
            return HostTable.wrongThread("the http of an action")
        }
        let prepared: HTTPStart.Prepared
        do throws(Refusal) {
            prepared = try HTTPStart.prepare(request, exchangeBody: nil, target: backend.target)
        } catch {
            return error.status
        }
        guard let sent = ActionRequest(backend: backend) else { return NEXUS_FAILED }
        let left = (deadline - .now()).nanoseconds / 1_000_000
        let goesOn = state.withLock { state in
            guard !state.isCancelled, left > 0 else { return false }
            state.requests.append(sent)
            return true
        }
        guard goesOn else { return NEXUS_STALE }
        sent.start(prepared, milliseconds: request.timeout_ms == 0 ? left : min(left, Int64(request.timeout_ms)))
        sent.deliver(to: handlers, user: user, handle: handle)
        state.withLock { _ = $0.requests.removeLast() }
        return NEXUS_OK
    }
}
