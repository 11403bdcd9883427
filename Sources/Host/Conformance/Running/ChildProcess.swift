import Glibc
import Shims

/// A child that runs checks: its pipe, its output, and its end. Everything it leaves is killed.
struct ChildProcess {
    struct SpawnFailure: Error, CustomStringConvertible {
        let description: String
    }

    let process: pid_t
    /// What it tells, to be read.
    let results: CInt

    /// Starts `executable` with `arguments` in a group of its own, with its output in a file of its own.
    init(executable: String, arguments: [String]) throws(SpawnFailure) {
        var ends: [CInt] = [0, 0]
        guard nexus_pipe(&ends) == 0 else { throw Self.failure("pipe") }
        let output = nexus_memfd("check-output")
        guard output >= 0 else { throw Self.failure("memfd_create") }
        defer {
            close(output)
            close(ends[1])
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        posix_spawn_file_actions_adddup2(&actions, ends[1], CheckChild.descriptor)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)

        var texts: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) } + [nil]
        defer { for text in texts { free(text) } }
        // The runtime's own report of a crash takes a second, and leaves marks that the checks would see.
        var variables: [UnsafeMutablePointer<CChar>?] =
            ProcessState.environment().map { strdup($0) } + [strdup("SWIFT_BACKTRACE=enable=no"), nil]
        defer { for text in variables { free(text) } }
        var child = pid_t()
        let status = posix_spawn(&child, executable, &actions, &attributes, &texts, &variables)
        guard status == 0 else {
            close(ends[0])
            throw SpawnFailure(description: "\(executable) cannot be started: \(String(cString: strerror(status)))")
        }
        process = child
        results = ends[0]
    }

    private static func failure(_ call: String) -> SpawnFailure {
        SpawnFailure(description: "\(call): \(String(cString: strerror(errno)))")
    }

    enum Event {
        case bytes([UInt8])
        /// Nothing will come any more.
        case closed
        /// Nothing came in time.
        case nothing
    }

    func read(milliseconds: Int) -> Event {
        var waiting = pollfd(fd: results, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, CInt(max(0, milliseconds))) > 0 else { return .nothing }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = Glibc.read(results, &buffer, buffer.count)
        if count < 0, errno == EINTR { return .nothing }
        return count > 0 ? .bytes(Array(buffer.prefix(count))) : .closed
    }

    /// How it ended; nil: it runs.
    func ended() -> String? {
        var status: CInt = 0
        guard waitpid(process, &status, WNOHANG) == process else { return nil }
        return Self.words(status)
    }

    /// Has one of its threads tell where it is; see `nexus_trace_crashes`.
    func interrupt(_ thread: CInt) { nexus_trace_interrupt(process, thread) }

    /// Ends it and all of its group, and gives back what it held.
    /// - Parameter isGone: `ended` has told so.
    func finish(isGone: Bool) {
        kill(-process, SIGKILL)
        if !isGone {
            var status: CInt = 0
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
        }
        close(results)
    }

    private static func words(_ status: CInt) -> String {
        let signal = status & 0x7F
        if signal == 0 { return "exited with status \(status >> 8 & 0xFF)" }
        if signal == SIGXCPU { return "used more processor time than allowed (SIGXCPU)" }
        return "crashed with \(names[signal] ?? "signal \(signal)")"
    }

    private static let names: [CInt: String] = [
        SIGSEGV: "SIGSEGV", SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGILL: "SIGILL", SIGFPE: "SIGFPE",
        SIGTRAP: "SIGTRAP", SIGKILL: "SIGKILL", SIGTERM: "SIGTERM", SIGPIPE: "SIGPIPE", SIGSYS: "SIGSYS",
        SIGXFSZ: "SIGXFSZ", SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGALRM: "SIGALRM",
    ]
}
