import Shims

/// What an adapter's call of the host runs: while it lasts, a crash on this thread is the gateway's own, and is said to be.
enum HostCode {
    /// Two stores a call.
    @inline(__always)
    static func run<Result>(_ body: () -> Result) -> Result {
        let caller = nexus_note_enter_host()
        defer { nexus_note_swap(caller) }
        return body()
    }
}
