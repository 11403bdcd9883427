import Core
import Dispatch
import Glibc
import Synchronization

/// All adapters of a list of directories at one instant: what is in use, and what is not and why. A value: a look at the
/// directories makes the next one from the one before.
public struct AdapterLibrary: Sendable {
    public struct Rejected: Sendable {
        public let path: String
        public let problem: LoadProblem
        /// The version of the file that was loaded before goes on.
        public let keepsOlder: Bool
    }

    /// A directory or a file that could not be looked at: that says nothing of what is in it, so what was loaded of it stays.
    public struct Unread: Sendable, Equatable {
        public let path: String
        /// For the operator.
        public let reason: String
    }

    /// What is known of one file.
    private struct Entry: Sendable {
        var directory: String
        var file: AdapterFiles.File
        var image: AdapterImage?
        var problem: LoadProblem?
    }

    /// What is known of one directory.
    private struct Place: Sendable {
        var identity: AdapterFiles.Identity?
        /// When it was first found to be gone with all that was in it; monotonic seconds.
        var missingSince: Int?
    }

    /// Which files may be used. What they refuse is neither mapped nor, if it was before, used any longer.
    private var rules = AdapterRules()
    private var entries: [Entry] = []
    private var places: [String: Place] = [:]
    /// In use: of two files with the same type the first one, in the order of directories and then of names, so that an
    /// operator's directory goes before the system's.
    public private(set) var images: [AdapterImage] = []
    public private(set) var rejected: [Rejected] = []
    /// Not empty: another look is to follow soon.
    public private(set) var unread: [Unread] = []

    public init() {}

    public static func load(directories: [String], rules: AdapterRules = AdapterRules()) -> AdapterLibrary {
        AdapterLibrary().updated(directories: directories, rules: rules)
    }

    /// Seconds that loading one file may take.
    public static let loadLimit = 10
    /// Seconds for which a directory that has vanished as a whole is taken for one that comes back: a file system that is
    /// mounted anew, a folder that is replaced.
    public static let patience = 10

    public func image(type: String) -> AdapterImage? { images.first { $0.type == type } }

    /// Looks at the directories again. A file that is still the same is not read; one whose content is, is not loaded anew;
    /// one that cannot be used any more leaves the version before in use, until it is removed. Blocks; runs code of adapters, each on a thread of its own.
    /// - Parameters:
    ///   - rules: which files may be used; nil: those of the look before.
    ///   - limit: seconds that loading one file may take; the thread of one that takes longer is left to itself.
    ///   - now: monotonic seconds.
    public func updated(
        directories: [String], rules: AdapterRules? = nil, limit: Int = loadLimit, now: Int = monotonicSeconds()
    ) -> AdapterLibrary {
        updated(AdapterFiles.list(directories), rules: rules, limit: limit, now: now)
    }

    func updated(
        _ directories: [AdapterFiles.Directory], rules: AdapterRules? = nil, limit: Int = loadLimit, now: Int
    ) -> AdapterLibrary {
        var next = AdapterLibrary()
        next.rules = rules ?? self.rules
        let isSameRules = next.rules == self.rules
        for directory in directories {
            let known = entries.filter { $0.directory == directory.path }
            var place = places[directory.path] ?? Place()
            switch directory.content {
            case .unreadable(let code):
                next.entries += known
                next.unread.append(Unread(path: directory.path, reason: "it cannot be read: \(Self.words(code))"))
            case .files(let files, let identity) where !files.isEmpty || place.identity == identity:
                place = Place(identity: identity)
                for file in files {
                    next.take(file, of: directory.path, known, isSameRules: isSameRules, limit: limit)
                }
            case .absent, .files:
                // Also an empty directory in the place of one that was not.
                let since = place.missingSince ?? now
                if known.contains(where: { $0.image != nil }), now - since < Self.patience {
                    place.missingSince = since
                    next.entries += known
                    next.unread.append(
                        Unread(
                            path: directory.path,
                            reason:
                                "it has vanished; unless it comes back its adapters are removed in \(Self.patience) s"))
                } else {
                    place = Place()
                    if case .files(_, let identity) = directory.content { place.identity = identity }
                }
            }
            next.places[directory.path] = place
        }
        next.choose()
        return next
    }

    private mutating func take(
        _ file: AdapterFiles.File, of directory: String, _ known: [Entry], isSameRules: Bool, limit: Int
    ) {
        let before = known.first { $0.file.path == file.path }
        if let before, before.file == file, isSameRules {
            entries.append(before)
        } else if let code = file.failure {
            unread.append(Unread(path: file.path, reason: "it cannot be looked at: \(Self.words(code))"))
            if let before { entries.append(before) }
        } else {
            let entry = look(at: file, of: directory, before: before, limit: limit)
            if let problem = entry.problem, problem.isOfTheMoment {
                unread.append(Unread(path: file.path, reason: "it \(problem)"))
                // As it was, so that the next look finds it changed.
                if let before { entries.append(before) }
            } else {
                entries.append(entry)
            }
        }
    }

    private static func words(_ code: CInt) -> String { String(cString: strerror(code)) }

    public static func monotonicSeconds() -> Int { Int(Clock.monotonicMilliseconds() / 1000) }

    private func look(
        at file: AdapterFiles.File, of directory: String, before: Entry?, limit: Int
    ) -> Entry {
        do throws(LoadProblem) {
            let copy = try PrivateCopy(path: file.path)
            // Of the bytes that would be mapped, and before any of their code can run.
            if let refusal = rules.refusal(of: file.path, copy.hash) {
                throw .refused(refusal, path: file.path, hash: copy.hash)
            }
            if let image = before?.image, image.hash == copy.hash {
                return Entry(directory: directory, file: file, image: image)
            }
            return Entry(directory: directory, file: file, image: try Self.load(file.path, copy, limit))
        } catch {
            return Entry(directory: directory, file: file, image: before?.image, problem: error)
        }
    }

    private static func load(_ path: String, _ copy: PrivateCopy, _ limit: Int) throws(LoadProblem) -> AdapterImage {
        let attempt = Attempt()
        DetachedThread.run("nexus-load") {
            let result = Result { () throws(LoadProblem) in try AdapterImage(path: path, copy: copy) }
            attempt.result.withLock { $0 = result }
            attempt.done.signal()
        }
        guard attempt.done.wait(timeout: .now() + .seconds(limit)) == .success,
            let result = attempt.result.withLock({ $0 })
        else { throw .tooSlow(seconds: limit) }
        return try result.get()
    }

    private final class Attempt: Sendable {
        let result = Mutex<Result<AdapterImage, LoadProblem>?>(nil)
        let done = DispatchSemaphore(value: 0)
    }

    /// Why what was loaded of a file is not used any longer.
    private func refusal(of image: AdapterImage, at path: String) -> LoadProblem? {
        guard let hash = image.hash, let refusal = rules.refusal(of: path, hash) else { return nil }
        return .refused(refusal, path: path, hash: hash)
    }

    private mutating func choose() {
        for entry in entries {
            let usable = entry.image.flatMap { refusal(of: $0, at: entry.file.path) == nil ? $0 : nil }
            if let problem = entry.problem ?? entry.image.flatMap({ refusal(of: $0, at: entry.file.path) }) {
                rejected.append(Rejected(path: entry.file.path, problem: problem, keepsOlder: usable != nil))
            }
            guard let image = usable else { continue }
            if let other = self.image(type: image.type) {
                rejected.append(
                    Rejected(
                        path: entry.file.path, problem: .duplicateType(image.type, other: other.path),
                        keepsOlder: false))
            } else {
                images.append(image)
            }
        }
    }
}
