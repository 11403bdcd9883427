import Glibc

/// What tells, without reading it, whether a file is still the one that was seen.
struct FileStamp: Sendable, Equatable {
    let device: UInt64
    let inode: UInt64
    let size: Int64
    /// Nanoseconds. Whoever writes a file may give it any time; these are compared for being the same alone, so that they may
    /// wrap around.
    let modified: Int64
    let changed: Int64

    /// Follows symbolic links; nil if there is nothing, or no access.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
        // Owner and mode count too: a file that was refused for them is looked at again once they are right.
        changed = Int64(status.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_ctim.tv_nsec)
    }
}

/// The files of adapter directories.
enum AdapterFiles {
    struct File: Sendable, Equatable {
        let path: String
        /// Nil: a broken link, or a file that may not be looked at.
        let stamp: FileStamp?
    }

    /// Every `*.so`, in the order of directories and then of names; a directory that is not there has none.
    static func list(_ directories: [String]) -> [File] {
        directories.flatMap { directory in
            names(in: directory).map { File(path: directory + "/" + $0, stamp: FileStamp(path: directory + "/" + $0)) }
        }
    }

    private static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".so"), !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}
