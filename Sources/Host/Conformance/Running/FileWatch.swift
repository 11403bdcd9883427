import AdapterHost
import Core
import Glibc

/// Waits until files have changed and are left alone: a compiler writes piece by piece.
public struct FileWatch {
    private enum Limits {
        /// Milliseconds without another change after which one counts.
        static let quiet = 200
        /// Milliseconds between two looks.
        static let step = 50
    }

    private let paths: [String]
    private var settler: ChangeSettler<[FileStamp?]>

    public init(_ paths: [String]) {
        self.paths = paths
        settler = ChangeSettler(told: Self.look(paths), quiet: Limits.quiet)
    }

    /// Blocks. A file that is away is waited for: it is being built.
    public mutating func waitForChange() {
        while true {
            let seen = Self.look(paths)
            if settler.observe(seen, now: Int(Clock.monotonicMilliseconds())), !seen.contains(nil) { return }
            usleep(UInt32(Limits.step * 1000))
        }
    }

    private static func look(_ paths: [String]) -> [FileStamp?] {
        paths.map { path in
            var status = stat()
            return stat(path, &status) == 0 ? FileStamp(status) : nil
        }
    }
}
