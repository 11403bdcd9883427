import Core

/// What a reload must not do without being sure. A file that is being written, or that was cut, is often a valid
/// configuration with less in it. Pure.
enum ReloadGuard {
    /// For programs: the reload was refused for `refusal`.
    static let code = "removes_all_backends"

    /// Something would go: it is only taken from a file that nobody is writing.
    static func loses(_ before: Configuration, _ new: Configuration) -> Bool {
        let names = Set(new.backends.map(\.name))
        return before.backends.contains { !names.contains($0.name) }
    }

    /// Why it is not done; nil if it is.
    /// - Parameter allowsEmpty: the operator has said that he means it.
    static func refusal(_ before: Configuration, _ new: Configuration, allowsEmpty: Bool) -> String? {
        guard !allowsEmpty, !before.backends.isEmpty, new.backends.isEmpty else { return nil }
        let count = before.backends.count
        return "It names no backend any more, which would remove \(count == 1 ? "the one" : "all \(count)") there "
            + "\(count == 1 ? "is" : "are"). If that is meant, say so: nexus config reload --allow-empty, or "
            + "POST /v1/admin/reload?allow_empty=true."
    }
}
