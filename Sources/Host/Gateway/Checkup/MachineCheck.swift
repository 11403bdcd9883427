import Config
import Core
import Glibc
import NIOCore
import NIOPosix
import Upstream

/// Looks at what this machine has to offer: the port, the folders, the limits of a process.
enum MachineCheck {
    /// Descriptors below which connections are few.
    private static let fewDescriptors: UInt64 = 1024

    static func findings(_ configuration: Configuration) async -> [Finding] {
        await port(configuration.server) + folders(configuration) + limits()
    }

    // MARK: The port

    private static func port(_ server: Configuration.Server) async -> [Finding] {
        let place = "\(server.host.contains(":") ? "[\(server.host)]" : server.host):\(server.port)"
        guard server.port != 0 else { return [.well("server.port", "any free port is taken")] }
        let group = MultiThreadedEventLoopGroup.singleton
        do {
            // As the gateway does: what has just ended does not count.
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: server.host, port: server.port).get()
            try? await channel.close()
            return [.well("server.port", "\(place) is free")]
        } catch {
            return [portProblem(error, place, server)]
        }
    }

    private static func portProblem(_ error: any Error, _ place: String, _ server: Configuration.Server) -> Finding {
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE:
            var finding = Finding.wrong(
                "server.port", "\(place) is in use", "stop what listens there, or choose another port")
            finding.isPortInUse = true
            return finding
        case EACCES: return .wrong("server.port", "\(place) may not be used by this user", "choose a port above 1023")
        case EADDRNOTAVAIL:
            return .wrong(
                "server.host", "\(server.host) is no address of this machine",
                "see 'ip address', or listen on 127.0.0.1")
        default:
            return .wrong(
                "server.host", "\(server.host) cannot be listened on: \(ErrorWords.describe(error))",
                "name an address of this machine")
        }
    }

    // MARK: Folders

    private static func folders(_ configuration: Configuration) -> [Finding] {
        var findings: [Finding] = []
        func look(_ path: String, _ subject: String, _ advice: String) {
            if let problem = folderProblem(path) { findings.append(.wrong(subject, problem, advice)) }
        }
        if let database = configuration.history.database {
            if !database.isEmpty {
                look(
                    parent(of: database), "history.database",
                    "name another file in [history] database, or \"\" to keep nothing")
            }
        } else {
            findings.append(
                .note(
                    "state directory", "there is none: neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME is set",
                    "set one of them"))
        }
        if let folder = configuration.adapters.quarantineFolder {
            look(
                folder, "state directory",
                "give the user that runs nexus the right to write there, or set STATE_DIRECTORY")
        }
        if let file = configuration.stateFile {
            look(
                parent(of: file), "state file",
                "changes with --persist cannot be kept there; name another with --state-file")
        }
        if let keys = configuration.access.keysFile {
            look(parent(of: keys), "keys file", "'nexus keys' cannot write there; name another with --keys-file")
            var status = stat()
            if stat(keys, &status) == 0, status.st_mode & S_IWOTH != 0 {
                findings.append(
                    .wrong(
                        "keys file", "\(keys) is writable by everybody, who can give themselves a key",
                        "chmod 600 \(keys)"))
            }
        }
        return findings.isEmpty ? [.well("folders", "what is to be kept can be written")] : findings
    }

    /// Why nothing can be written into a folder, which is made if it is not there; nil: it can.
    private static func folderProblem(_ path: String) -> String? {
        var folder = path
        var status = stat()
        while stat(folder, &status) != 0 {
            guard errno == ENOENT, folder != "/", folder != "." else {
                return "\(path) cannot be used: \(String(cString: strerror(errno)).lowercased())"
            }
            folder = parent(of: folder)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return "\(path) cannot be used: \(folder) is no directory" }
        guard access(folder, W_OK | X_OK) == 0 else {
            return folder == path
                ? "\(path) may not be written by this user"
                : "\(path) cannot be made: \(folder) may not be written by this user"
        }
        return nil
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    // MARK: Limits

    private static func limits() -> [Finding] {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_max < fewDescriptors
        else { return [] }
        return [
            .note(
                "open files", "this process may have \(limit.rlim_max) at once, which is few for connections",
                "raise it: ulimit -n 65536, or LimitNOFILE= of its service")
        ]
    }
}
