/// When the files of a certificate are read again: once they have changed and come to rest, and now and then as long as they hold
/// what cannot be used. And what of that is news. Pure; times are monotonic milliseconds.
struct CertificateWatch<Stamp: Equatable & Sendable>: Sendable {
    /// So long nothing has been done to the files: two of them are seldom written in one instant.
    static var rest: Int64 { 400 }
    /// Between two tries with files that stay as they are: the disk, or the number of open files, may have been what is wrong.
    static var retry: Int64 { 10_000 }

    /// The files as they were when they were read last.
    private(set) var read: Stamp
    private var readAt: Int64
    private var seen: Stamp
    private var since: Int64
    /// Why what was read last is not used; nil: it is.
    private(set) var problem: String?

    init(read stamp: Stamp, now: Int64) {
        (read, seen) = (stamp, stamp)
        (readAt, since) = (now, now)
    }

    /// - Returns: the files are to be read now.
    mutating func look(_ stamp: Stamp, now: Int64) -> Bool {
        if stamp != seen { (seen, since) = (stamp, now) }
        guard stamp == read else { return now - since >= Self.rest }
        return problem != nil && now - readAt >= Self.retry
    }

    /// They were read, because that was due or for another reason.
    /// - Parameters:
    ///   - stamp: as they were before.
    ///   - problem: why what they hold is not used; nil: it is.
    /// - Returns: that is news: the problem is another one than before, or there is none any more.
    mutating func didRead(_ stamp: Stamp, problem: String?, now: Int64) -> Bool {
        (read, seen) = (stamp, stamp)
        (readAt, since) = (now, now)
        defer { self.problem = problem }
        return problem != self.problem
    }
}
