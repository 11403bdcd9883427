/// Which of the files that could be loaded as adapters are. A value: who makes it reads the configuration and what is kept of
/// crashes; whoever loads a file asks it about exactly the bytes that will be mapped.
public struct AdapterRules: Sendable, Equatable {
    /// What is known of files that are left out for their crashes.
    public enum Quarantine: Sendable, Equatable {
        case files([ContentHash: LeftOut])
        /// It cannot be told which they are, and why. That is not the same as none.
        case unknown(String)
    }

    /// Why one content is left out.
    public enum LeftOut: Sendable, Equatable {
        case crashes(CrashRecord)
        /// There is a record of it that cannot be read.
        case unreadable(String)
    }

    /// Why a file is not loaded.
    public enum Refusal: Sendable, Equatable {
        case unlisted
        case otherBytes
        case leftOut(LeftOut)
        case unknownQuarantine(String)

        /// An operator's list says so, and not what became of it.
        public var isByList: Bool { self == .unlisted || self == .otherBytes }
    }

    /// Nil: there is no list, and every file may be loaded.
    public var allow: AdapterAllowList?
    public var quarantine: Quarantine

    public init(allow: AdapterAllowList? = nil, quarantine: Quarantine = .files([:])) {
        self.allow = allow
        self.quarantine = quarantine
    }

    /// Nil: it may be loaded.
    /// - Parameter path: of the file that holds the content.
    public func refusal(of path: String, _ hash: ContentHash) -> Refusal? {
        switch allow?.verdict(path, hash) {
        case .unlisted: return .unlisted
        case .otherBytes: return .otherBytes
        case .listed, nil: break
        }
        switch quarantine {
        case .files(let files): return files[hash].map { .leftOut($0) }
        case .unknown(let reason): return .unknownQuarantine(reason)
        }
    }

    /// The last part of a path.
    public static func name(of path: String) -> String {
        path.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init) ?? path
    }
}

extension AdapterRules.Refusal {
    /// What is wrong and what to do, to follow the path of the file.
    public func words(path: String, _ hash: ContentHash) -> String {
        let file = Self.argument(path)
        switch self {
        case .unlisted:
            return
                "is not in the list [adapters.allow], so it was not loaded; if you trust it, add the line that "
                + "'nexus adapter hash \(file)' prints, and reload"
        case .otherBytes:
            return
                "is not what [adapters.allow] lists under its name (its SHA-256 is \(hash.text)), so it was not loaded; "
                + "if you have replaced it, put the line there that 'nexus adapter hash \(file)' prints, and reload"
        case .leftOut(.crashes(let record)):
            return "is in quarantine: \(record.words); to take it back: nexus adapter release \(file)"
        case .leftOut(.unreadable(let reason)):
            return
                "is in quarantine: what is kept of its crashes cannot be read (\(reason)); to take it back: "
                + "nexus adapter release \(file)"
        case .unknownQuarantine(let reason):
            return
                "was not loaded, since it cannot be told whether it is in quarantine: \(reason); make that readable, or "
                + "remove it, and reload"
        }
    }

    /// As it can be given to a shell.
    static func argument(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: "/._-+,:@%".utf8.contains(byte)
            }
        }
        return isPlain && !path.isEmpty ? path : "'" + path.replacing("'", with: "'\\''") + "'"
    }
}
