import PluginAPI

/// What can keep a large request, which is worked on away from the event loop, from being sent.
enum LargeRequest {
    static let tooMany = Failure(
        kind: NEXUS_FAIL_BUSY, message: "too many large requests and answers are worked on at once; try again")

    static func notSent(_ status: nexus_status) -> Failure {
        Failure(kind: NEXUS_FAIL_INTERNAL, message: "the host did not send the request (status \(status))")
    }
}
