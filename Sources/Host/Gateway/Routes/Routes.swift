import Core

/// Everything that can be asked of the gateway. One entry of a group is one route.
extension RouteTable {
    /// Routes of one subject.
    struct Group: Sendable {
        var title: String
        var routes: [Route]
    }

    static let gateway = RouteTable(groups.flatMap(\.routes))

    /// As the reference lists them.
    static let groups: [Group] = [
        Group(title: "Models", routes: exchanges), Group(title: "Ollama's API", routes: ollama),
        Group(title: "Health", routes: health), Group(title: "What there is", routes: fleet),
        Group(title: "What happens", routes: watching), Group(title: "What operators do", routes: operations),
        Group(title: "The page", routes: page),
    ]
}
