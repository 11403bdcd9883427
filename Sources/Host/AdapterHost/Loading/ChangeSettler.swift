/// Decides when what was seen of some files has come to rest: a change counts once nothing has changed for `quiet`, so that a
/// file which is being written is not looked at. Pure; times are monotonic milliseconds.
package struct ChangeSettler<Content: Equatable & Sendable>: Sendable {
    let quiet: Int
    /// What was reported last.
    private var told: Content
    private var seen: Content
    private var since: Int

    /// - Parameters:
    ///   - told: what is known already.
    ///   - quiet: milliseconds.
    package init(told: Content, quiet: Int) {
        self.told = told
        seen = told
        since = 0
        self.quiet = quiet
    }

    /// Takes what is seen now. True: it differs from what was reported last and has come to rest. It then counts as reported.
    package mutating func observe(_ content: Content, now: Int) -> Bool {
        if content != seen {
            seen = content
            since = now
        }
        guard content != told, now - since >= quiet else { return false }
        told = content
        return true
    }

    /// Something was done to the files, whether it shows or not.
    mutating func touched(now: Int) { since = now }

    /// When to look again; nil: nothing is pending.
    func due(now: Int) -> Int? { seen == told ? nil : max(0, since + quiet - now) }
}
