import ABIRules
import Core
import NIOCore
import PluginAPI

/// How an exchange reaches the adapter.
extension AdapterBackend {
    /// - Parameter told: what the server answers, as it was reported; 0: it was not.
    public func supports(_ kind: RequestKind, told: UInt32) -> Bool {
        image.kinds & (told == 0 ? .max : told) & kind.bit != 0
    }

    /// Begins an attempt on the calling loop. The events reach `sink`, perhaps already inside this call. Nil if the
    /// attempt could not be started at all; nothing reaches the sink then.
    public func submit(
        _ request: SubmittedRequest, sink: any AttemptSink, on loop: any EventLoop, deadline: NIODeadline
    ) -> (any Attempt)? {
        guard let services = LoopServices.current, services.loop === loop else { return nil }
        guard taskBegins(),
            let task = AdapterTask(.exchange(sink), backend: self, services: services, deadline: deadline)
        else {
            taskEnded()
            return nil
        }
        if let limit = request.connectLimit { task.connectLimit = .some(limit.map { TimeAmount($0) }) }
        let left = Self.milliseconds(until: min(request.deadline ?? .distantFuture, deadline), on: services.loop)
        let status = request.lend(body: sink.requestBody, deadlineMilliseconds: left) { crossing in
            calling(.submit, on: services) { image.functions.submit(instance, task.handle, crossing) }
        }
        if status != NEXUS_OK, task.isLive {
            task.endedByAdapter()
            sink.attemptFailed(Self.refusal(status, by: image.type))
        }
        return task
    }

    /// An adapter that refuses with a status alone says nothing to the client; with `exchange_fail` it would.
    static func refusal(_ status: nexus_status, by type: String) -> ExchangeFailure {
        if status == NEXUS_UNSUPPORTED {
            let message = "The adapter \(type) cannot take this request, and did not say why."
            return ExchangeFailure(kind: .unsupported, message: message)
        }
        let names: [nexus_status: String] = [
            NEXUS_INVALID: "an argument is wrong", NEXUS_STALE: "a handle is stale",
            NEXUS_WRONG_THREAD: "it called from a wrong thread", NEXUS_BAD_STATE: "a call came at a wrong time",
            NEXUS_TOO_LARGE: "a limit was exceeded", NEXUS_FAILED: "it failed",
        ]
        let reason = names[status] ?? "it gave the unknown status \(status)"
        return ExchangeFailure(kind: .adapter, message: "The adapter \(type) did not take the request: \(reason).")
    }

    /// What is left of the time; 0: there is no end.
    private static func milliseconds(until deadline: NIODeadline, on loop: any EventLoop) -> UInt64 {
        guard deadline < .distantFuture else { return 0 }
        return AnswerRules.given(UInt64(clamping: (deadline - loop.now).nanoseconds / 1_000_000))
    }
}
