import Glibc

/// What tells, without reading it, whether a file is still the one that was seen.
package struct FileStamp: Sendable, Equatable {
    let device: UInt64
    let inode: UInt64
    let size: Int64
    /// Nanoseconds. Whoever writes a file may give it any time; these are compared for being the same alone, so that they may
    /// wrap around.
    let modified: Int64
    let changed: Int64

    package init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
        // Owner and mode count too: a file that was refused for them is looked at again once they are right.
        changed = Int64(status.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_ctim.tv_nsec)
    }
}

/// The files of adapter directories.
package enum AdapterFiles {
    struct File: Sendable, Equatable {
        let path: String
        /// Nil: a broken link, or a file that cannot be looked at.
        var stamp: FileStamp?
        /// Why not, as `errno`, if there may be a file all the same.
        var failure: CInt?
    }

    /// Tells a directory from another that has come to its place: of an unmounted file system the mount point is left.
    struct Identity: Sendable, Equatable {
        let device: UInt64
        let inode: UInt64
    }

    /// What a look at one directory has shown. One that cannot be read is something else than an empty one.
    struct Directory: Sendable, Equatable {
        enum Content: Sendable, Equatable {
            /// Every `*.so`, in the order of names.
            case files([File], of: Identity)
            case absent
            /// As `errno`.
            case unreadable(CInt)
        }

        let path: String
        let content: Content
    }

    static func list(_ directories: [String]) -> [Directory] {
        directories.map { Directory(path: $0, content: content(of: $0)) }
    }

    /// Every `*.so` of the directories that can be read.
    package static func paths(in directories: [String]) -> [String] {
        list(directories).flatMap { directory -> [String] in
            guard case .files(let files, _) = directory.content else { return [] }
            return files.map(\.path)
        }
    }

    private static func content(of directory: String) -> Directory.Content {
        guard let stream = opendir(directory) else {
            return errno == ENOENT || errno == ENOTDIR ? .absent : .unreadable(errno)
        }
        defer { closedir(stream) }
        var status = stat()
        guard fstat(dirfd(stream), &status) == 0 else { return .unreadable(errno) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".so"), !name.hasPrefix(".") { names.append(name) }
        }
        guard errno == 0 else { return .unreadable(errno) }
        return .files(
            names.sorted().map { look(at: directory + "/" + $0) },
            of: Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)))
    }

    /// Follows symbolic links.
    private static func look(at path: String) -> File {
        var status = stat()
        guard stat(path, &status) != 0 else { return File(path: path, stamp: FileStamp(status)) }
        return File(path: path, failure: errno == ENOENT ? nil : errno)
    }
}
