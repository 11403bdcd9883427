import Glibc

/// All adapters of a list of directories: what was loaded, and what was not and why.
public struct AdapterLibrary: Sendable {
    public struct Rejected: Sendable {
        public let path: String
        public let problem: LoadProblem
    }

    public private(set) var images: [AdapterImage] = []
    public private(set) var rejected: [Rejected] = []

    public init() {}

    /// Loads every `*.so` of the directories, in the order of directories and then of names. Of two files with the
    /// same type the first one wins, so that an operator's directory goes before the system's.
    public static func load(directories: [String]) -> AdapterLibrary {
        var library = AdapterLibrary()
        for directory in directories {
            for path in files(in: directory) { library.load(path) }
        }
        return library
    }

    public func image(type: String) -> AdapterImage? { images.first { $0.type == type } }

    private mutating func load(_ path: String) {
        do throws(LoadProblem) {
            let image = try AdapterImage(path: path)
            if let other = self.image(type: image.type) {
                throw .duplicateType(image.type, other: other.path)
            }
            images.append(image)
        } catch {
            rejected.append(Rejected(path: path, problem: error))
        }
    }

    private static func files(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".so"), !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted().map { directory + "/" + $0 }
    }
}
