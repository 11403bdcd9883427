import Glibc

/// Keeps other gateways from a file, by a lock of a file beside it, which ends with the process however that ends.
///
/// Invariant: `descriptor` is open, and locked, from `init` to `deinit`.
final class FileLock {
    private let descriptor: CInt

    /// - Parameter path: of the file that is kept; that of the lock has `.lock` behind it.
    init(for path: String) throws {
        let path = path + ".lock"
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw StoreProblem.system(path: path, errno: errno) }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            var text = [UInt8](repeating: 0, count: 32)
            let count = pread(opened, &text, text.count, 0)
            close(opened)
            guard code == EWOULDBLOCK else { throw StoreProblem.system(path: path, errno: code) }
            let digits = text.prefix(max(0, count)).prefix { (0x30...0x39).contains($0) }
            throw StoreProblem.inUse(process: String(decoding: digits, as: UTF8.self))
        }
        let process = Array("\(getpid())\n".utf8)
        if ftruncate(opened, 0) == 0 { _ = pwrite(opened, process, process.count, 0) }
        descriptor = opened
    }

    deinit { close(descriptor) }
}

/// Which file a path names: another one is there once it was deleted and made anew.
struct FileIdentity: Equatable {
    var device: UInt
    var inode: UInt

    /// Nil: there is none.
    init?(_ path: String) {
        var information = stat()
        guard stat(path, &information) == 0 else { return nil }
        device = UInt(information.st_dev)
        inode = UInt(information.st_ino)
    }

    /// Makes the folders on the way to a file, for their owner alone.
    static func makeFolder(of path: String) throws {
        guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return }
        let folder = String(path[..<slash])
        if mkdir(folder, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT else { throw StoreProblem.system(path: folder, errno: errno) }
        try makeFolder(of: folder)
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw StoreProblem.system(path: folder, errno: errno)
        }
    }
}
