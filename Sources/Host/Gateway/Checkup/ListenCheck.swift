import Core

/// Looks at who may come in.
enum ListenCheck {
    static func findings(_ configuration: Configuration) -> [Finding] {
        if let problem = ListenGuard.problem(configuration) {
            // What to do stands behind it.
            let words = problem.split(separator: ". ", maxSplits: 1)
            return [
                .wrong(
                    "server.host", words.first.map(String.init) ?? problem,
                    words.count > 1 ? String(words[1]) : "listen on 127.0.0.1")
            ]
        }
        return [
            ListenGuard.warning(configuration).map { Finding.note("server.host", $0) },
            ListenGuard.missingKeys(configuration.access).map { Finding.note("keys file", $0) },
        ].compactMap { $0 }
    }
}
