import Core
import Glibc
import Shims

/// A sealed copy of a file in memory: what is mapped from it cannot change when the file on disk is overwritten, and
/// each copy has an identity of its own for the dynamic linker.
package struct PrivateCopy: Sendable {
    /// Larger files are no adapters.
    static let sizeLimit = 256 * 1024 * 1024

    package let bytes: [UInt8]

    /// Of these bytes, which are the ones that are mapped: the file may be another by then.
    package let hash: ContentHash

    /// Reads and checks a file: regular, owned by root or by this user, not writable by others.
    package init(path: String) throws(LoadProblem) {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw .failed(errno) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .failed(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable("not a regular file") }
        guard status.st_uid == 0 || status.st_uid == geteuid() else { throw .notOwned(owner: status.st_uid) }
        guard status.st_mode & S_IWOTH == 0 else { throw .writableByOthers }
        guard status.st_size <= Self.sizeLimit else { throw .tooLarge(Self.sizeLimit) }
        let size = Int(status.st_size)
        var failure: LoadProblem?
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let got = read(file, buffer.baseAddress.map { $0 + count }, size - count)
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = .failed(errno) }
                if got <= 0 { break }
                count += got
            }
        }
        if let failure { throw failure }
        // A part of a file is not the file.
        var after = stat()
        guard bytes.count == size, fstat(file, &after) == 0, FileStamp(after) == FileStamp(status) else {
            throw .changing
        }
        self.bytes = bytes
        hash = ContentHash(of: bytes)
    }

    /// An open descriptor of the sealed copy.
    func descriptor(name: String) throws(LoadProblem) -> CInt {
        let memory = nexus_memfd(name)
        guard memory >= 0 else { throw .failed(errno, "no memory file: ") }
        var written = 0
        while written < bytes.count {
            let got = bytes.withUnsafeBytes { buffer in
                buffer.baseAddress.map { write(memory, $0 + written, buffer.count - written) } ?? 0
            }
            guard got > 0 else {
                let code = errno
                close(memory)
                throw .failed(code, "it cannot be copied: ")
            }
            written += got
        }
        guard nexus_memfd_seal(memory) == 0 else {
            let code = errno
            close(memory)
            throw .failed(code, "it cannot be sealed: ")
        }
        return memory
    }
}
