import Glibc

/// Whole files, read and written without Foundation.
public enum FileBytes {
    /// Why a file could not be read.
    public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        /// As `errno`.
        public let code: CInt

        /// There is no such file. Everything else says nothing of what is in it.
        public var isAbsence: Bool { code == ENOENT }

        public var description: String { String(cString: strerror(code)) }
    }

    /// - Parameter limit: a file that is larger is not read.
    public static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Failure(code: errno) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw Failure(code: errno) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
            if bytes.count > limit { throw Failure(code: EFBIG) }
        }
    }

    /// False with `errno` set. `exclusive`: an existing file is an error.
    public static func write(_ bytes: [UInt8], to path: String, exclusive: Bool) -> Bool {
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (exclusive ? O_EXCL : O_TRUNC), 0o644)
        guard file >= 0 else { return false }
        defer { close(file) }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }
}
