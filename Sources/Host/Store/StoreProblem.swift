import Glibc
import SQLite

/// Why the history is not kept in its file.
public enum StoreProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another gateway writes it.
    case inUse(process: String)
    /// It was made by a newer version of this program.
    case newer(found: Int64)
    /// It is a database of something else.
    case foreign
    case isFolder
    /// The folder, or the file that keeps others out, cannot be made.
    case system(path: String, errno: CInt)
    case sqlite(SQLiteError)
    /// There is none, to be read.
    case missing
    /// It was last written by an older version, and lacks what is asked for.
    case older(found: Int64)
    /// What only captures may lack, in words.
    case captures(String)
    /// What was asked for takes too long to find.
    case tooSlow

    /// Of any error that the store meets.
    init(_ error: any Error) {
        switch error {
        case let problem as StoreProblem: self = problem
        case let error as SQLiteError: self = .sqlite(error)
        default: self = .sqlite(SQLiteError(code: -1, message: "it failed for a reason that nobody has foreseen"))
        }
    }

    public var description: String {
        switch self {
        case .inUse(let process):
            "another gateway keeps its history there\(process.isEmpty ? "" : " (process \(process))"); "
                + "give this one another file ([history] database)"
        case .newer(let found):
            "it was written by a newer version of Nexus (schema \(found), this one knows \(StoreSchema.version)); "
                + "update Nexus or name another file ([history] database)"
        case .foreign: "it is a database of another program; name another file ([history] database)"
        case .isFolder: "it is a folder; name a file ([history] database)"
        case .system(let path, let code): "\(path): \(String(cString: strerror(code)).lowercased())"
        case .missing: "there is no such file"
        case .captures(let words): words
        case .older(let found):
            "it was last written by an older version of Nexus (schema \(found)), which did not keep that; "
                + "a gateway of this version brings it up to date"
        case .tooSlow: "there is too much of it to be read within \(StoreLimits.seriesMilliseconds) ms"
        case .sqlite(let error):
            if error.isFull {
                "the disk is full"
            } else if error.isBusy {
                "another process has locked it"
            } else if error.isReadOnly {
                "it cannot be written: it, its folder or the file system is read-only"
            } else if error.isBroken {
                "it is damaged or no database (\(error)); move it away, and a new one is made"
            } else if error.cannotOpen {
                "it cannot be opened (\(error)); its folder has to be there, and writable"
            } else {
                error.message
            }
        }
    }
}
