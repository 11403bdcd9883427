/// Which files may be loaded as adapters, if that is said: by the name of the file and what is in it.
public struct AdapterAllowList: Sendable, Equatable {
    public enum Limits {
        /// Names.
        public static let files = 1000
        /// Contents under one name: the version in use, and those that may come after it.
        public static let contents = 16
    }

    public enum Verdict: Sendable, Equatable {
        case listed
        /// The name is not in the list.
        case unlisted
        /// The name is, with other bytes.
        case otherBytes
    }

    /// Names without a directory.
    public var files: [String: [ContentHash]]

    public init(_ files: [String: [ContentHash]] = [:]) { self.files = files }

    /// - Parameter path: of the file; its last part counts.
    public func verdict(_ path: String, _ hash: ContentHash) -> Verdict {
        guard let contents = files[AdapterRules.name(of: path)] else { return .unlisted }
        return contents.contains(hash) ? .listed : .otherBytes
    }
}
