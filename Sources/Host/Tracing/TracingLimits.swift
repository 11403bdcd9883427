/// How much the export of spans takes of anything.
enum TracingLimits {
    /// Milliseconds for which spans are gathered for one request, unless a batch is full before.
    static let gatherMilliseconds = 1000
    /// Seconds for one request to the collector, from its name to the end of its answer.
    static let requestSeconds = 10.0
    /// Addresses of one name that are tried.
    static let addresses = 4
    /// Bytes of an answer that are read.
    static let answer = 64 * 1024
    /// Seconds until the next try after the first failure; doubled after each further one.
    static let firstRetry = 1.0
    static let longestRetry = 30.0
}
