import Core

/// What a client is told whose request gets no place, or none in time.
extension ErrorBody {
    private static func count(_ requests: Int) -> String { requests == 1 ? "1 request" : "\(requests) requests" }

    /// - Parameters:
    ///   - waiting: requests of this client that wait.
    ///   - seconds: after which it may try again.
    static func queueShare(waiting: Int, retryAfter seconds: Int) -> ErrorBody {
        ErrorBody(
            status: 429,
            message: "This client has \(count(waiting)) waiting for a place, as many as one client may; try again in "
                + "\(seconds) s.",
            type: "rate_limit_error", code: "queue_share", retryAfter: seconds)
    }

    static func queueFull(waiting: Int, retryAfter seconds: Int) -> ErrorBody {
        ErrorBody(
            status: 503,
            message:
                "As many requests wait for a place as may (\(waiting)); try again in \(seconds) s. The operator can "
                + "raise queue.max_size.",
            type: "service_unavailable_error", code: "queue_full", retryAfter: seconds)
    }

    /// - Parameter words: what it waited for, and how long.
    static func queueTimeout(_ words: String, retryAfter seconds: Int) -> ErrorBody {
        ErrorBody(
            status: 503, message: "The request was not served: \(words). Try again in \(seconds) s.",
            type: "service_unavailable_error", code: DeadlineKind.queue.code, retryAfter: seconds)
    }

    /// The gateway's own limits have no place, and requests do not wait.
    static func atLimit(_ model: String) -> ErrorBody {
        ErrorBody(
            status: 503,
            message: "As many requests are under way as may be at once, in all or for '\(model)'; try again.",
            type: "service_unavailable_error", code: "concurrency_limit", retryAfter: 1)
    }

    static var badPriority: ErrorBody {
        let names = AdmissionQueue.Priority.allCases.map(\.rawValue).joined(separator: ", ")
        return ErrorBody(
            status: 400, message: "x-nexus-priority must be one of: \(names).", param: "x-nexus-priority",
            code: "bad_priority")
    }
}
