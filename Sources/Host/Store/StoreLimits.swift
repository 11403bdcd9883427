/// How much the store takes of anything.
public enum StoreLimits {
    /// Entries that wait to be written; about 1 KB each. Further ones are not kept in the file.
    public static let waiting = 16_384
    /// Milliseconds for which entries are gathered for one transaction: what a kill may lose.
    static let gatherMilliseconds = 250
    /// Milliseconds between two looks at whether the file is still there and what is too old.
    static let idleMilliseconds = 1000
    /// Seconds until the next try after the first failure; doubled after each further one.
    static let firstRetry = 1.0
    static let longestRetry = 60.0
    /// Milliseconds for which another process's lock is waited for.
    static let lockPatience: CInt = 500
    /// Rows that retention deletes in one transaction, at least; twice as many as came, if those are more.
    static let deletedAtOnce = 2000
    /// Pages that are given back to the file system at once.
    static let freedPages = 2000
    /// Seconds by which the wall clock may come ahead of what it should show, and for how many it then has to stand by that.
    static let clockJump: Int64 = 24 * 3600
    static let clockPatience: UInt64 = 3600
    /// Of so many of the newest it is looked at when they were written.
    static let clockRows = 10_000
    /// Seconds for which it is believed how much of the file each table has.
    static let sizesKept: UInt64 = 60
    /// Minutes are kept for so many days.
    static let minuteDays: Int64 = 400
    /// Entries of a page, and of one that does not say how many.
    public static let longestPage = 1000
    public static let usualPage = 100
    /// Milliseconds for which one page is looked for; what was not looked through by then, the next page does.
    public static let pageMilliseconds: Int64 = 25
    /// Milliseconds after which a stretch that was begun is given up, for the next page to do.
    static let pageMillisecondsMost: Int64 = 40
    /// The same for series, and how many are read at once: they take one of the gateway's threads that long.
    static let seriesMilliseconds: Int64 = 3000
    static let seriesReaders = 1
    /// Commands of operators that wait to be written, that a file keeps, and that a page has.
    static let auditWaiting = 4096
    static let auditKept = 100_000
    /// Captures that wait to be written, that are written at once, and bytes of all that wait or are under way.
    static let capturesWaiting = 1024
    static let capturesAtOnce = 64
    static let captureBytes = 64 * 1024 * 1024
    /// Milliseconds after which it is tried again to take what was deleted out of the log of transactions.
    static let emptyingMilliseconds: UInt64 = 1000
    /// Who reads captures at once.
    static let captureReaders = 4
    /// Requests of one id that are looked for.
    static let sameID = 100
    /// Ids that are looked through at once at first, and at the most.
    static let firstWindow: Int64 = 2000
    static let longestWindow: Int64 = 4_000_000
    /// Pages that are looked for at once, or wait for that.
    public static let readers = 8
}
