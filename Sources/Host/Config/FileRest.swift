import Glibc

/// What tells, without reading it, whether a file is still as it was.
struct FileMark: Sendable, Equatable {
    let inode: UInt64
    let size: Int64
    /// Wall clock, milliseconds; it counts also what sets the other time back.
    let changed: Int64

    init(inode: UInt64, size: Int64, changed: Int64) {
        self.inode = inode
        self.size = size
        self.changed = changed
    }

    /// Nil if there is nothing that could be looked at.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        changed = Int64(status.st_ctim.tv_sec) &* 1000 &+ Int64(status.st_ctim.tv_nsec) / 1_000_000
    }
}

/// Says when a file has come to rest: it was not touched for a while, so no one is writing it. Pure.
struct FileRest {
    enum Limits {
        /// Milliseconds without a change.
        static let quiet: Int64 = 1000
        /// Milliseconds after which a file that goes on changing is given up.
        static let patience: Int64 = 5000
        /// Milliseconds between two looks.
        static let step: Int64 = 50
    }

    enum Finding: Equatable {
        case atRest
        case changing
        /// It has kept changing for so long that waiting makes no sense.
        case restless
    }

    private var seen: FileMark?
    private var since: Int64?
    private let began: Int64

    /// - Parameter now: monotonic milliseconds, as of all looks.
    init(now: Int64) { began = now }

    /// - Parameters:
    ///   - mark: nil: there is no file, which is also something that can last.
    ///   - wall: milliseconds of the wall clock.
    mutating func look(_ mark: FileMark?, now: Int64, wall: Int64) -> Finding {
        if since == nil || mark != seen {
            seen = mark
            since = now
        }
        let age = max(
            mark.map { wall.subtractingReportingOverflow($0.changed).partialValue } ?? 0, now - (since ?? now))
        if age >= Limits.quiet { return .atRest }
        return now - began >= Limits.patience ? .restless : .changing
    }
}
