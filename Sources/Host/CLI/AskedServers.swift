import Core
import Gateway
import Glibc
import Terminal

/// Says to whoever waits which servers are asked: one that does not answer takes seconds, and nothing is shown before all have.
enum AskedServers {
    /// Names that are told.
    private static let most = 8

    /// On standard error, and only for a person: programs read what is found.
    static func announce(_ request: Checkup.Request) {
        guard request.asksServers, isatty(STDERR_FILENO) == 1,
            let words = Self.words(request.configuration.backends.map(\.name))
        else { return }
        let line = Array("nexus: \(words)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }

    /// Nil: there is nobody to ask.
    private static func words(_ names: [String]) -> String? {
        guard !names.isEmpty else { return nil }
        let more = names.count > most ? " and \(names.count - most) more" : ""
        let shown = names.prefix(most).map(CellText.clean).joined(separator: ", ")
        return "asking \(Counted.words(Int64(names.count), "server")), which may take some seconds: \(shown)\(more)"
    }
}
