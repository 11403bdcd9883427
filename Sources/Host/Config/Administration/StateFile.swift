import Core
import Glibc

/// The file in which changes of backends are kept across restarts: beside the configuration, never the configuration itself.
/// Only one at a time may use it.
///
/// What stands in it is replaced as a whole (a new file takes its name), so that whoever reads it, or a machine that fails,
/// finds the state before or the state after. A file that this gateway has neither read nor written, or could not read, is
/// kept aside under another name before it is replaced.
public struct StateFile: Sendable {
    /// Bytes of the file.
    static let sizeLimit = 32 * 1024 * 1024
    /// Other files that are kept aside.
    static let keptLimit = 1000

    public let path: String
    /// What it holds as far as this gateway knows; nil: nothing that is known.
    private var known: [UInt8]?

    public init(path: String) { self.path = path }

    /// Beside a configuration; nil: that is no place for a file (a pipe, a device).
    public static func path(besides configuration: String) -> String? {
        var status = stat()
        if stat(configuration, &status) == 0, status.st_mode & S_IFMT != S_IFREG { return nil }
        return configuration + ".state.json"
    }

    /// What is kept; nothing if there is no file.
    /// - Throws: what is wrong with it. It says nothing then.
    public mutating func load() throws(ConfigurationError) -> BackendOverlay {
        known = nil
        let bytes: [UInt8]
        do throws(FileBytes.Failure) {
            bytes = try FileBytes.read(path, limit: Self.sizeLimit)
        } catch {
            if error.isAbsence { return BackendOverlay() }
            throw ConfigurationError(
                source: path, problems: [ConfigurationProblem(key: "", message: "cannot be read: \(error)")])
        }
        let overlay = try OverlayFile.overlay(bytes, source: path)
        known = bytes
        return overlay
    }

    /// Why nothing was kept.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Returns when it is on the disk. Nothing is written that a start would not take.
    /// - Returns: where the file is that was there and was not this gateway's; nil: there was none.
    public mutating func save(_ overlay: BackendOverlay) throws(Failure) -> String? {
        let bytes = OverlayFile.bytes(overlay)
        do throws(ConfigurationError) {
            guard bytes.count <= Self.sizeLimit else {
                throw ConfigurationError(
                    source: path,
                    problems: [ConfigurationProblem(key: "", message: "would have more than \(Self.sizeLimit) bytes")])
            }
            _ = try OverlayFile.overlay(bytes, source: path)
        } catch {
            throw Failure(description: "the next start would not take it: \(error)")
        }
        let isThere = try isKnown()
        if isThere == true, known == bytes { return nil }
        let temporary = "\(path).\(getpid()).tmp"
        unlink(temporary)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw failure(temporary) }
        let isWritten = FileBytes.write(bytes, to: file) && fsync(file) == 0
        let reason = errno
        close(file)
        guard isWritten else {
            let failure = failure(temporary, reason)
            unlink(temporary)
            throw failure
        }
        // Only now: until the new one is written, what is there stays there.
        let aside: String?
        do throws(Failure) {
            aside = isThere == false ? try keepAside() : nil
        } catch {
            unlink(temporary)
            throw error
        }
        guard rename(temporary, path) == 0 else {
            let failure = failure(temporary)
            unlink(temporary)
            if let aside { rename(aside, path) }
            throw failure
        }
        known = bytes
        FileBytes.syncFolder(of: path)
        return aside
    }

    /// Whether what is there is as this gateway knows it; nil: nothing is there.
    private func isKnown() throws(Failure) -> Bool? {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            throw Failure(description: "\(path) is no regular file; give another with --state-file")
        }
        do throws(FileBytes.Failure) {
            return try FileBytes.read(path, limit: Self.sizeLimit) == known
        } catch {
            return error.isAbsence ? nil : false
        }
    }

    /// Gives another name to a file that is not as this gateway knows it.
    /// - Returns: that name.
    private func keepAside() throws(Failure) -> String {
        for number in 1...Self.keptLimit {
            let name = "\(path).kept-\(number)"
            var status = stat()
            guard lstat(name, &status) != 0, errno == ENOENT else { continue }
            guard rename(path, name) == 0 else { throw failure(name) }
            return name
        }
        throw Failure(description: "there are \(Self.keptLimit) files \(path).kept-... already; remove some")
    }

    private func failure(_ path: String, _ code: CInt = errno) -> Failure {
        Failure(description: "\(path) cannot be written: \(String(cString: strerror(code)))")
    }
}
