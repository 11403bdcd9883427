import AdapterHost
import Core

/// What came of taking an adapter back from quarantine.
enum AdapterRelease: Sendable {
    /// - Parameter loaded: types of adapters that are in use by it.
    case released([ContentHash], loaded: [String])
    /// Nothing in quarantine is called so.
    case unknown
    case failed(String)

    /// Of files in the directories that are left out and have this path or name: a record that cannot be read does not say what it
    /// is of.
    static func contents(called name: String, in library: AdapterLibrary) -> Set<ContentHash> {
        Set(
            library.rejected.compactMap { file in
                guard AdapterRules.name(of: file.path) == AdapterRules.name(of: name),
                    case .refused(.leftOut, _, let hash) = file.problem
                else { return nil }
                return hash
            })
    }
}
