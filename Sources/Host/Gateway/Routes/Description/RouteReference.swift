/// docs/reference/routes.md, made of the table of routes.
enum RouteReference {
    static var markdown: String {
        RouteTable.groups.reduce(head) { text, group in
            group.routes.reduce(text + section(group)) { $0 + row($1) }
        }
    }

    private static let head = """
        # Routes

        <!-- Made from the code (NEXUS_WRITE_DOCS=1 swift test --filter ReferenceTests); a test compares the two. -->

        Everything that can be asked of a gateway. The same, with the shapes of answers, is in [openapi.json](../openapi.json), which a
        running gateway serves at `GET /v1/openapi.json`. GET stands for HEAD, too. [access.md](../access.md) says who is a client and
        who an operator, [http.md](../http.md) how HTTP itself is read.

        Every answer carries `x-request-id` (the client's own is kept). Requests to models may say `x-nexus-backend` and
        `x-nexus-priority`; their answers carry `x-nexus-backend`, `x-nexus-attempts`, `x-nexus-route-reason` and, if part of the request
        had to be left out, `x-nexus-warning` ([clients.md](../clients.md)). Errors have the shape of the API that the client speaks, and
        say what to do.

        """

    private static func section(_ group: RouteTable.Group) -> String {
        "\n## \(group.title)\n\n| route | who | what it does |\n|---|---|---|\n"
    }

    private static func row(_ route: Route) -> String {
        let methods = route.methods.filter { $0 != .head }.map(\.text).joined(separator: ", ")
        var words = route.says.summary
        let query = route.says.parameters.filter { $0.place == .query }
        if !query.isEmpty { words += " " + query.map { "`?\($0.name)`: \($0.words)" }.joined(separator: " ") }
        return
            "| `\(methods) \(route.pattern.text.replacing("...}", with: "}"))` | \(route.access.words) | \(words) |\n"
    }
}
