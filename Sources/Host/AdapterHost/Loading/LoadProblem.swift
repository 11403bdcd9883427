import Core
import Glibc

/// Why a file is not a usable adapter. `description` is for the operator: what is wrong and what to do.
public enum LoadProblem: Error, Sendable, Equatable, CustomStringConvertible {
    case unreadable(String)
    /// This process or the system is short of something, or the device did not answer. It says nothing about the file.
    case unreadableNow(String)
    /// It was written to while it was read.
    case changing
    /// It holds something else than what was looked at.
    case replaced
    case tooLarge(Int)
    case notOwned(owner: UInt32)
    case writableByOthers
    case notELF
    case truncated
    case otherMachine
    case notSharedObject
    case noEntry
    /// It exports an entry of another major version.
    case otherMajor(symbol: String)
    case linking(String)
    /// Its initialisers or its entry have not returned.
    case tooSlow(seconds: Int)
    case entryRefused(String)
    case wrongVersion(major: Int, minor: Int)
    case badTable(String)
    case duplicateType(String, other: String)
    /// The operator's list, or its crashes, say that it is not to be loaded.
    case refused(AdapterRules.Refusal, path: String, hash: ContentHash)

    public var description: String {
        switch self {
        case .unreadable(let reason): "cannot be read: \(reason)"
        case .unreadableNow(let reason): "cannot be read now: \(reason)"
        case .changing: "was written while it was read"
        case .replaced: "has been replaced since it was looked at"
        case .tooLarge(let limit): "is larger than \(limit / 1_048_576) MiB"
        case .notOwned(let owner):
            "is owned by user \(owner); it must be owned by root or by the user that runs nexus (chown it)"
        case .writableByOthers: "is writable by others; make it safe with chmod o-w"
        case .notELF: "is not an ELF file"
        case .truncated: "is a truncated or damaged ELF file"
        case .otherMachine: "was built for another machine"
        case .notSharedObject: "is not a shared object; link it with -shared"
        case .noEntry: "does not export nexus_adapter_v1; is it an adapter?"
        case .otherMajor(let symbol):
            "was built for another major version of the ABI: it exports \(symbol), this nexus loads nexus_adapter_v1"
        case .linking(let reason): "cannot be linked: \(reason)"
        case .tooSlow(let seconds): "has not returned from being loaded within \(seconds) s"
        case .entryRefused(let reason): "refused to start: \(reason)"
        case .wrongVersion(let major, let minor):
            "states ABI version \(major).\(minor); this nexus speaks major version 1"
        case .badTable(let reason): "has an invalid table: \(reason)"
        case .duplicateType(let type, let other): "provides the type \"\(type)\", which \(other) provides already"
        case .refused(let refusal, let path, let hash): refusal.words(path: path, hash)
        }
    }

    /// The rule that refuses it; nil: it is something else.
    public var refusal: AdapterRules.Refusal? {
        if case .refused(let refusal, _, _) = self { refusal } else { nil }
    }

    /// It may be gone at the next look, with the file as it is.
    var isOfTheMoment: Bool {
        switch self {
        case .unreadableNow, .changing: true
        default: false
        }
    }

    /// The problem behind an `errno`.
    /// - Parameter doing: what was tried, for the operator.
    static func failed(_ code: CInt, _ doing: String = "") -> LoadProblem {
        let reason = doing + String(cString: strerror(code))
        return isShortage(code) || [EIO, ESTALE, ETIMEDOUT, ENOTCONN, EAGAIN, EINTR].contains(code)
            ? .unreadableNow(reason) : .unreadable(reason)
    }

    private static func isShortage(_ code: CInt) -> Bool { [EMFILE, ENFILE, ENOMEM, ENOSPC].contains(code) }

    /// What the process is short of now, in case a call failed without a reason; nil: nothing.
    static func shortage() -> LoadProblem? {
        let file = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard file < 0 else {
            close(file)
            return nil
        }
        return isShortage(errno) ? failed(errno) : nil
    }
}
