import Core
import Glibc

/// The program `openssl`.
enum OpenSSLProgram {
    struct Failure: Error { let words: String }

    /// Bytes of what it says that are repeated.
    private static let saidLimit = 2000

    /// Runs it to its end.
    /// - Parameter said: path of a file for what it says.
    static func run(_ arguments: [String], said: String) throws(Failure) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, said, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var texts: [UnsafeMutablePointer<CChar>?] = (["openssl"] + arguments).map { strdup($0) } + [nil]
        defer { for text in texts { free(text) } }
        var child = pid_t()
        let status = posix_spawnp(&child, "openssl", &actions, nil, &texts, environ)
        guard status != ENOENT else {
            throw Failure(
                words: "the program 'openssl' is not installed, which makes the key; install it (Debian, Ubuntu: "
                    + "apt install openssl; Fedora: dnf install openssl; Alpine: apk add openssl) and try again")
        }
        guard status == 0 else {
            throw Failure(words: "openssl cannot be started: \(String(cString: strerror(status)).lowercased())")
        }
        var end: CInt = 0
        while waitpid(child, &end, 0) < 0 {
            guard errno == EINTR else { throw Failure(words: "openssl cannot be waited for") }
        }
        guard end == 0 else {
            let bytes = (try? FileBytes.read(said, limit: 1024 * 1024)) ?? []
            let words = String(decoding: bytes, as: UTF8.self)
            throw Failure(words: "openssl did not do it: \(EntryLimits.cutBytes(words, to: saidLimit))")
        }
    }
}
