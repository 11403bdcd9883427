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
            let kind: ExchangeFailure.Kind = status == NEXUS_UNSUPPORTED ? .unsupported : .adapter
            sink.attemptFailed(
                ExchangeFailure(
                    kind: kind, message: "The adapter \(image.type) did not take the request (status \(status))."))
        }
        return task
    }

    /// What is left of the time; 0: there is no end.
    private static func milliseconds(until deadline: NIODeadline, on loop: any EventLoop) -> UInt64 {
        guard deadline < .distantFuture else { return 0 }
        return AnswerRules.given(UInt64(clamping: (deadline - loop.now).nanoseconds / 1_000_000))
    }
}
