import Glibc
import Shims

/// What a small program of the system prints.
enum ProgramOutput {
    private static let limit = 1 << 20

    /// Looks for the program in PATH; empty: it is not there, or says nothing.
    static func of(_ arguments: [String]) -> String {
        var ends: [CInt] = [0, 0]
        guard let program = arguments.first, nexus_pipe(&ends) == 0 else { return "" }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var texts: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for text in texts { free(text) } }
        var child = pid_t()
        let status = posix_spawnp(&child, program, &actions, nil, &texts, environ)
        close(ends[1])
        defer { close(ends[0]) }
        guard status == 0 else { return "" }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while bytes.count < limit {
            let count = read(ends[0], &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        kill(child, SIGKILL)
        var end: CInt = 0
        while waitpid(child, &end, 0) < 0, errno == EINTR {}
        return String(decoding: bytes, as: UTF8.self)
    }
}
