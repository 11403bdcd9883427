import Core
import Glibc

/// The hash of a file, read piece by piece: however large it is, no more than a piece is in memory.
package enum FileHash {
    /// Bytes.
    private static let piece = 64 * 1024

    /// Blocks for the disk.
    /// - Throws: what is wrong, with the same limits as for loading.
    package static func of(_ path: String) throws(LoadProblem) -> ContentHash {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw .failed(errno) }
        defer { close(file) }
        var before = stat()
        guard fstat(file, &before) == 0 else { throw .failed(errno) }
        guard before.st_mode & S_IFMT == S_IFREG else { throw .unreadable("not a regular file") }
        guard before.st_size <= PrivateCopy.sizeLimit else { throw .tooLarge(PrivateCopy.sizeLimit) }
        var hash = SHA256()
        var size = 0
        var buffer = [UInt8](repeating: 0, count: piece)
        while true {
            let count = read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .failed(errno) }
            if count == 0 { break }
            size += count
            // It grows while it is read.
            guard size <= PrivateCopy.sizeLimit else { throw .tooLarge(PrivateCopy.sizeLimit) }
            buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0.prefix(count))) }
        }
        var after = stat()
        guard size == Int(before.st_size), fstat(file, &after) == 0, FileStamp(after) == FileStamp(before) else {
            throw .changing
        }
        return ContentHash(hash)
    }
}
