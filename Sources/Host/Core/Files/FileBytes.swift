import Glibc

/// Whole files, read and written without Foundation.
public enum FileBytes {
    /// Why a file could not be read.
    public enum Failure: Error, Sendable, Equatable, CustomStringConvertible {
        /// As `errno`.
        case system(CInt)
        /// A pipe, a socket or a disk: opening one may never return, and reading it removes what is in it.
        case notAFile
        /// A pipe did not give its bytes, or not all of them, in time.
        case silent(seconds: Int)

        /// There is no such file. No other error says anything about what the file holds.
        public var isAbsence: Bool { self == .system(ENOENT) }

        public var description: String {
            switch self {
            case .system(let code): String(cString: strerror(code))
            case .notAFile: "it is no regular file"
            case .silent(let seconds): "it did not come to its end within \(seconds) s"
            }
        }
    }

    /// How long the start waits for a pipe.
    public static let pipePatience = 5

    /// Waits only for the disk and, if the caller wants that, for a pipe.
    /// - Parameters:
    ///   - path: a regular file, or a device that has its bytes at hand (`/dev/null`).
    ///   - limit: a file that is larger is not read.
    ///   - patience: how many seconds to wait for a pipe (`<(...)`, `/dev/stdin`); 0: no pipe is read.
    public static func read(_ path: String, limit: Int, patience: Int = 0) throws(Failure) -> [UInt8] {
        // Else the system would open the file before the NUL.
        guard !path.utf8.contains(0) else { throw .system(EINVAL) }
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else { throw errno == ENXIO ? .notAFile : .system(errno) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .system(errno) }
        let type = status.st_mode & S_IFMT
        switch type {
        case S_IFREG, S_IFCHR: break
        case S_IFDIR: throw .system(EISDIR)
        case S_IFIFO where patience > 0: break
        default: throw .notAFile
        }
        let end = Clock.monotonicMilliseconds() + Int64(patience) * 1000
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno != EAGAIN { throw .system(errno) }
            if count > 0 {
                bytes.append(contentsOf: chunk[..<count])
                if bytes.count > limit { throw .system(EFBIG) }
                continue
            }
            // A pipe without a writer yet looks as if it were at its end.
            if count == 0, type != S_IFIFO || !bytes.isEmpty { return bytes }
            let left = end - Clock.monotonicMilliseconds()
            guard left > 0 else { throw patience > 0 ? .silent(seconds: patience) : .notAFile }
            var wanted = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
            // It was opened, and closed with nothing in it.
            if poll(&wanted, 1, CInt(left)) > 0, Int32(wanted.revents) & (POLLIN | POLLHUP) == POLLHUP { return bytes }
        }
    }

    /// False with `errno` set. `exclusive`: an existing file is an error.
    public static func write(_ bytes: [UInt8], to path: String, exclusive: Bool) -> Bool {
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (exclusive ? O_EXCL : O_TRUNC), 0o644)
        guard file >= 0 else { return false }
        defer { close(file) }
        return write(bytes, to: file)
    }

    /// The same to a file that is open.
    public static func write(_ bytes: [UInt8], to file: CInt) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }

    /// Returns when the folder of a file is on the disk, and with it what was done there to the file's name: a new file that has taken
    /// its place, or that it is gone. Without that a machine that fails may find the one before.
    /// - Returns: false: the file system cannot do that, or there is no such folder. The file itself is there.
    @discardableResult public static func syncFolder(of path: String) -> Bool {
        let end = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        let folder = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else { return false }
        defer { close(opened) }
        return fsync(opened) == 0
    }
}
