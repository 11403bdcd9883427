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

    public func image(type: String) -> AdapterImage? { images.first { $0.type == type } }

    /// Looks at the directories again. A file that is still the same is not read; one whose content is, is not loaded anew;
    /// one that cannot be used any more leaves the version before in use, until it is removed. Blocks; runs code of adapters.
    public func updated(directories: [String]) -> AdapterLibrary {
        var next = AdapterLibrary()
        for file in AdapterFiles.list(directories) {
            let before = entries.first { $0.file.path == file.path }
            if let before, before.file == file {
                next.entries.append(before)
            } else {
                next.entries.append(Self.look(at: file, before: before))
            }
        }
        next.choose()
        return next
    }

    private static func look(at file: AdapterFiles.File, before: Entry?) -> Entry {
        do throws(LoadProblem) {
            let copy = try PrivateCopy(path: file.path)
            if let image = before?.image, image.digest == copy.digest { return Entry(file: file, image: image) }
            return Entry(file: file, image: try AdapterImage(path: file.path, copy: copy))
        } catch {
            return Entry(file: file, image: before?.image, problem: error)
        }
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
