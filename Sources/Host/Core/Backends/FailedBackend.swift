import JSON
import NIOCore

/// Stands in the registry for a backend that could not be made, so that operators see it and why.
public final class FailedBackend: BackendDriver {
    public init() {}

    public var isUsable: Bool { false }
    public var taskCount: Int { 0 }
    public var offeredActions: [BackendAction] { [] }

    public func supports(_ kind: RequestKind, told: UInt32) -> Bool { false }

    public func submit(
        _ request: SubmittedRequest, sink: any AttemptSink, on loop: any EventLoop, deadline: NIODeadline
    ) -> (any Attempt)? { nil }

    public func probe(on loop: any EventLoop, timeout: TimeAmount, ended: @escaping () -> Void) { ended() }

    public func action(
        named name: String, arguments: JSONValue, id: String, tell: @escaping @Sendable (ActionEvent) -> Void
    ) throws(ActionRefusal) -> any ActionRunning { throw .notOffered }

    public func retire() {}
    public func closeConnections(on loop: any EventLoop) {}
    public func end() async {}
}
