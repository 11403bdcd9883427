import JSON
import NIOCore

/// What knows how to talk to one backend: an adapter's instance today. The registry carries it, the gateway gives it
/// exchanges, probes and actions. Where nothing else is said, its members may be called on any thread.
public protocol BackendDriver: AnyObject, Sendable {
    /// False: it stands in for a backend that could not be made, and takes nothing.
    var isUsable: Bool { get }

    /// Whether it can be given this kind of request.
    /// - Parameter told: the kinds its server answers, as bits of `RequestKind.bit`; 0: the server did not tell.
    func supports(_ kind: RequestKind, told: UInt32) -> Bool

    /// Begins an attempt on the calling loop. Its events reach `sink` on that loop, perhaps already inside this call.
    /// - Parameter deadline: the attempt has failed if it has not ended by then.
    /// - Returns: nil if the attempt could not be started at all; nothing reaches the sink then.
    func submit(
        _ request: SubmittedRequest, sink: any AttemptSink, on loop: any EventLoop, deadline: NIODeadline
    ) -> (any Attempt)?

    /// Begins a probe on the calling loop, unless one is under way. What it finds is reported to the registry.
    /// - Parameter ended: called once on that loop, perhaps already inside this call.
    func probe(on loop: any EventLoop, timeout: TimeAmount, ended: @escaping () -> Void)

    // MARK: Actions

    /// The actions that its server offers now.
    var offeredActions: [BackendAction] { get }

    /// Prepares a run of an action; nothing happens before its `start`.
    /// - Parameters:
    ///   - arguments: an object.
    ///   - id: of the run, unique.
    ///   - tell: called with every event of the run, one at a time, on any thread; must return at once, and not call the run.
    func action(
        named name: String, arguments: JSONValue, id: String, tell: @escaping @Sendable (ActionEvent) -> Void
    ) throws(ActionRefusal) -> any ActionRunning

    // MARK: The end

    /// Exchanges and probes under way.
    var taskCount: Int { get }

    /// From here on nothing new begins. What is under way goes on, except for actions, which are cancelled.
    func retire()

    /// Closes the connections to the server that the calling loop has.
    func closeConnections(on loop: any EventLoop)

    /// Ends the exchanges and probes that the calling loop has under way at the server: they fail for this reason, and others
    /// may serve those of which no byte has reached a client.
    /// - Parameter reason: for people.
    func abandon(on loop: any EventLoop, reason: String)

    /// Retires the driver and frees what it holds once nothing is under way any more. It may be called again: there is
    /// one end, and each caller waits for it.
    func end() async
}

extension BackendDriver {
    public func abandon(on loop: any EventLoop, reason: String) { closeConnections(on: loop) }
}

/// One try of an exchange at one backend, as the exchange holds it. On the exchange's event loop.
public protocol Attempt: AnyObject {
    /// The exchange needs it no longer: nothing reaches its sink from here on.
    func cancel()
    /// Stops or resumes reading the server's answer.
    func setPaused(_ paused: Bool)
}
