import AdapterHost
import Core
import Glibc

/// Looks at the directories of adapters and at what is in them.
enum AdapterCheck {
    /// - Parameter isDefault: nobody has named the directories: they need not be there.
    static func findings(_ adapters: Configuration.Adapters, _ library: AdapterLibrary, isDefault: Bool) -> [Finding] {
        var findings = isDefault ? [] : adapters.directories.compactMap(directory)
        for unread in library.unread where !findings.contains(where: { $0.message.contains(unread.path) }) {
            findings.append(
                .wrong("adapters", "\(unread.path): \(unread.reason)", "make it readable for the user that runs nexus"))
        }
        for file in library.rejected { findings.append(rejected(file)) }
        let loaded = library.images.map { "\($0.type) \($0.version)" }.sorted()
        if loaded.isEmpty, !library.rejected.isEmpty {
            findings.append(
                .wrong(
                    "adapters", "none of the files in \(adapters.directories.joined(separator: ", ")) is loaded",
                    "see what is said of each"))
        } else if loaded.isEmpty {
            findings.append(
                .wrong(
                    "adapters", "no adapter is in \(adapters.directories.joined(separator: ", "))",
                    "install the adapters that come with Nexus there, or name their directory (--adapters-dir)"))
        } else {
            findings.append(.well("adapters", loaded.joined(separator: ", ")))
        }
        for image in library.images {
            for warning in image.warnings {
                findings.append(.note("adapter \(image.type)", "\(image.path): \(warning)"))
            }
        }
        return findings
    }

    private static func directory(_ path: String) -> Finding? {
        let subject = "adapters.directories"
        var status = stat()
        guard stat(path, &status) == 0 else {
            let words =
                errno == ENOENT ? "\(path) is not there" : "\(path): \(String(cString: strerror(errno)).lowercased())"
            return .wrong(
                subject, words,
                "make it, or name another one ([adapters] directories, --adapters-dir, NEXUS_ADAPTERS_DIR)")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            return .wrong(subject, "\(path) is no directory", "name the directory that holds the adapters' files")
        }
        guard access(path, R_OK | X_OK) == 0 else {
            return .wrong(subject, "\(path) may not be read by this user", "chmod a+rx it, or run nexus as its owner")
        }
        guard status.st_mode & S_IWOTH == 0 || status.st_mode & S_ISVTX != 0 else {
            return .wrong(
                subject, "\(path) is writable by everybody, who can put code of theirs there", "chmod o-w \(path)")
        }
        return nil
    }

    private static func rejected(_ file: AdapterLibrary.Rejected) -> Finding {
        let words = "\(file.path) \(file.problem)"
        if case .duplicateType = file.problem { return .note("adapters", words, "remove one of the two") }
        // Its words say what lets it in.
        if file.problem.refusal != nil { return .note("adapters", words) }
        return .wrong(
            "adapters", words, "remove the file, or put a version there that can be used ('nexus adapter check FILE')")
    }
}
