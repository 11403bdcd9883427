import Dispatch
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

    /// What is known of one file.
    private struct Entry: Sendable {
        var file: AdapterFiles.File
        var image: AdapterImage?
        var problem: LoadProblem?
    }

    private var entries: [Entry] = []
    /// In use: of two files with the same type the first one, in the order of directories and then of names, so that an
    /// operator's directory goes before the system's.
    public private(set) var images: [AdapterImage] = []
    public private(set) var rejected: [Rejected] = []

    public init() {}

    public static func load(directories: [String]) -> AdapterLibrary {
        AdapterLibrary().updated(directories: directories)
    }

    /// Seconds that loading one file may take.
    public static let loadLimit = 10

    public func image(type: String) -> AdapterImage? { images.first { $0.type == type } }

    /// Looks at the directories again. A file that is still the same is not read; one whose content is, is not loaded anew;
    /// one that cannot be used any more leaves the version before in use, until it is removed. Blocks; runs code of adapters, each on a thread of its own.
    /// - Parameter limit: seconds that loading one file may take; the thread of one that takes longer is left to itself.
    public func updated(directories: [String], limit: Int = loadLimit) -> AdapterLibrary {
        var next = AdapterLibrary()
        for file in AdapterFiles.list(directories) {
            let before = entries.first { $0.file.path == file.path }
            if let before, before.file == file {
                next.entries.append(before)
            } else {
                next.entries.append(Self.look(at: file, before: before, limit: limit))
            }
        }
        next.choose()
        return next
    }

    private static func look(at file: AdapterFiles.File, before: Entry?, limit: Int) -> Entry {
        do throws(LoadProblem) {
            let copy = try PrivateCopy(path: file.path)
            if let image = before?.image, image.digest == copy.digest { return Entry(file: file, image: image) }
            return Entry(file: file, image: try load(file.path, copy, limit))
        } catch {
            return Entry(file: file, image: before?.image, problem: error)
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

    private mutating func choose() {
        for entry in entries {
            if let problem = entry.problem {
                rejected.append(
                    Rejected(path: entry.file.path, problem: problem, keepsOlder: entry.image != nil))
            }
            guard let image = entry.image else { continue }
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
