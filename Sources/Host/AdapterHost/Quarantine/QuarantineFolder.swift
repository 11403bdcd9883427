import Core
import Glibc
import Shims

/// The folder in which crashes of adapters are kept between runs: one small file for each content, and one for each run, into which
/// its end is noted. Several gateways may share it.
///
/// Every change is made under one lock, and a file is replaced as a whole. Blocks: for the disk, and for another process that
/// changes it at the moment.
public struct QuarantineFolder: Sendable {
    enum Limits {
        /// Names that are looked at.
        static let names = 10_000
        /// Bytes of what a run has noted.
        static let note = 16 * 1024
        /// Milliseconds to wait for another process.
        static let patience: Int64 = 5000
    }

    /// Why something could not be done; for the operator.
    public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        public let description: String
        init(_ path: String, _ doing: String, _ code: CInt = errno) {
            description = "\(path) cannot be \(doing): \(String(cString: strerror(code)))"
        }
        init(_ text: String) { description = text }
    }

    public let path: String

    public init(path: String) { self.path = path }

    // MARK: Reading

    /// Everything that is kept. A folder that is not there keeps nothing.
    /// - Throws: that it cannot be told what is kept.
    public func read() throws(Failure) -> CrashCounts {
        var entries: [ContentHash: CrashCounts.Entry] = [:]
        for name in try names() {
            guard let hash = CrashFile.hash(ofName: name) else { continue }
            let file = "\(path)/\(name)"
            do throws(FileBytes.Failure) {
                let bytes = try FileBytes.read(file, limit: CrashFile.sizeLimit)
                entries[hash] =
                    CrashFile.record(bytes, of: hash).map { .record($0) }
                    ?? .unreadable("\(file) holds no record of crashes")
            } catch {
                // It has just been removed.
                if error.isAbsence { continue }
                entries[hash] = .unreadable("\(file): \(error)")
            }
        }
        return CrashCounts(entries)
    }

    private func names() throws(Failure) -> [String] {
        guard let stream = opendir(path) else {
            // Where a file is in the way nothing can ever have been kept.
            if errno == ENOENT || errno == ENOTDIR { return [] }
            throw Failure(path, "read")
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
            if names.count > Limits.names { throw Failure("\(path) holds more than \(Limits.names) files") }
        }
        guard errno == 0 else { throw Failure(path, "read") }
        return names
    }

    // MARK: Changing

    /// - Parameter limit: see `CrashCounts.take`.
    /// - Returns: what is kept now.
    /// - Throws: why it was not changed, or not all of it.
    @discardableResult
    public func change(_ events: [CrashCounts.Event], limit: Int) throws(Failure) -> CrashCounts {
        let lock = try locked()
        defer { close(lock) }
        let before = try read()
        var after = before
        for event in events { after.take(event, limit: limit) }
        try write(after, over: before)
        return after
    }

    private func write(_ after: CrashCounts, over before: CrashCounts) throws(Failure) {
        for hash in before.entries.keys where after.entries[hash] == nil {
            let file = "\(path)/\(CrashFile.name(hash))"
            guard unlink(file) == 0 || errno == ENOENT else { throw Failure(file, "removed") }
        }
        for (hash, entry) in after.entries where before.entries[hash] != entry {
            if case .record(let record) = entry { try write(record, of: hash) }
        }
    }

    private func write(_ record: CrashRecord, of hash: ContentHash) throws(Failure) {
        let file = "\(path)/\(CrashFile.name(hash))"
        let temporary = "\(path)/new.tmp"
        unlink(temporary)
        let opened = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard opened >= 0 else { throw Failure(temporary, "written") }
        let isWritten = FileBytes.write(CrashFile.bytes(record), to: opened) && fsync(opened) == 0
        let code = errno
        close(opened)
        guard isWritten, rename(temporary, file) == 0 else {
            let failure = Failure(file, "written", isWritten ? errno : code)
            unlink(temporary)
            throw failure
        }
    }

    /// The lock, held until it is closed. Makes the folder if it is not there.
    private func locked() throws(Failure) -> CInt {
        try makeFolder(path)
        let name = "\(path)/lock"
        let lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard lock >= 0 else { throw Failure(name, "written") }
        let end = Clock.monotonicMilliseconds() + Limits.patience
        while flock(lock, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            guard code == EWOULDBLOCK || code == EINTR, Clock.monotonicMilliseconds() < end else {
                close(lock)
                throw Failure(name, "locked", code)
            }
            usleep(5000)
        }
        return lock
    }

    private func makeFolder(_ path: String) throws(Failure) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        let code = errno
        guard code == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw Failure(path, "made", code)
        }
        try makeFolder(String(path[..<slash]))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw Failure(path, "made") }
    }

    // MARK: Runs

    private static let runPrefix = "run-"

    /// Where a run notes its end, held by it for as long as it lives.
    public struct Run: Sendable {
        let descriptor: CInt
        let file: String

        /// From now on a crash of this process is noted there.
        public func keepEnd() { nexus_note_keep(descriptor) }

        /// Nothing is noted any more.
        public func end() {
            nexus_note_keep(-1)
            unlink(file)
            close(descriptor)
        }
    }

    /// What a start has found.
    public struct Beginning: Sendable {
        public var counts: CrashCounts
        /// Nil: there is no place for what this run would note.
        public var run: Run?
        /// What else there is to tell.
        public var problems: [String] = []
    }

    /// A run begins: counts what earlier ones have noted, and makes a place for its own note.
    /// - Throws: that it cannot be told what is kept.
    public func begin(limit: Int) throws(Failure) -> Beginning {
        let lock: CInt
        do throws(Failure) {
            lock = try locked()
        } catch {
            // What is there counts all the same.
            return Beginning(counts: try read(), problems: [error.description])
        }
        defer { close(lock) }
        let before = try read()
        var beginning = Beginning(counts: before)
        let ended = try endedRuns(&beginning.problems)
        for crash in ended.compactMap(\.crash).sorted(by: { $0.at < $1.at }) {
            beginning.counts.take(.crashed(crash), limit: limit)
        }
        do throws(Failure) {
            try write(beginning.counts, over: before)
            for run in ended { unlink(run.file) }
        } catch {
            // Their notes stay for the next start, and count for this one.
            beginning.problems.append(error.description)
        }
        do throws(Failure) { beginning.run = try makeRun() } catch { beginning.problems.append(error.description) }
        return beginning
    }

    /// Those that hold their file no longer.
    private func endedRuns(_ problems: inout [String]) throws(Failure) -> [(file: String, crash: AdapterCrash?)] {
        var ended: [(file: String, crash: AdapterCrash?)] = []
        for name in try names() where name.hasPrefix(Self.runPrefix) {
            let file = "\(path)/\(name)"
            let opened = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
            guard opened >= 0 else {
                if errno != ENOENT { problems.append(Failure(file, "read").description) }
                continue
            }
            defer { close(opened) }
            guard flock(opened, LOCK_EX | LOCK_NB) == 0 else { continue }
            do throws(FileBytes.Failure) {
                let bytes = try FileBytes.read(file, limit: Limits.note)
                let crash = bytes.isEmpty ? nil : CrashNote.crash(Array(bytes.prefix { $0 != 0x0A }))
                if crash == nil, !bytes.isEmpty {
                    problems.append("\(file) holds no note of a crash; it is not counted for any adapter")
                }
                ended.append((file, crash))
            } catch {
                problems.append("\(file) cannot be read: \(error)")
            }
        }
        return ended
    }

    /// Under the lock, so that nobody takes it for one that has ended before this run holds it.
    private func makeRun() throws(Failure) -> Run {
        let file = "\(path)/\(Self.runPrefix)\(String(UInt64.random(in: .min ... .max), radix: 16))"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_APPEND | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Failure(file, "made") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let failure = Failure(file, "locked")
            unlink(file)
            close(descriptor)
            throw failure
        }
        return Run(descriptor: descriptor, file: file)
    }
}
