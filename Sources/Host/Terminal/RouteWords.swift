/// What the gateway's messages say of its routes, said in commands: who types those has no use for a route. Pure.
public enum RouteWords {
    /// In this order: what stands for more comes first. A route that its command stands beside already is left out.
    private static let commands: [(words: String, command: String)] = [
        (" (POST /v1/backends/{name}/enable)", ""),
        (", or POST /v1/admin/reload?allow_empty=true", ""),
        (" (GET /v1/actions)", ""),
        ("as GET /v1/requests/active has", "as 'nexus requests list --json' has"),
        ("that GET /v1/requests/active has", "that 'nexus requests list --json' has"),
        ("GET /v1/requests/active", "'nexus requests list'"),
        ("with before=newest", "with --stored"),
        ("GET /v1/history", "'nexus history'"),
        ("GET /v1/captures", "'nexus captures list'"),
        ("GET /v1/backends/{id}/actions", "'nexus actions list NAME'"),
        ("POST /v1/backends/{id}/actions/...", "'nexus actions run'"),
        ("GET /v1/backends", "'nexus backends list'"),
        ("POST /v1/backends", "'nexus backends add'"),
        ("GET /v1/adapters", "'nexus adapters list'"),
        ("GET /v1/models", "'nexus models'"),
        ("GET /v1/trouble", "'nexus health'"),
        ("?adapter= and its type", "its type"),
        ("?exchange=", "--exchange"),
        ("?key=", "--key-name"),
        ("?before=", "--before"),
        ("?all=true", "--all"),
    ]

    /// The same message for whoever sits at a command line.
    public static func told(_ message: String) -> String {
        commands.reduce(message) { replaced($0, $1.words, by: $1.command) }
    }

    private static func replaced(_ text: String, _ words: String, by command: String) -> String {
        var told = ""
        var rest = text[...]
        while let place = rest.firstRange(of: words) {
            let behind = rest[place.upperBound...]
            // The beginning of a longer path is another route.
            let isWhole = behind.first.map(continues) != true
            told += rest[..<place.lowerBound] + (isWhole ? command : words)
            rest = behind
        }
        return told + rest
    }

    private static func continues(_ character: Character) -> Bool {
        character == "/" || character == "?" || character == "{" || character.isLetter || character.isNumber
    }
}
