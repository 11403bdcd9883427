import HTTP1

/// Finds the route of a request by its method and path.
struct RouteTable: Sendable {
    enum Match: Sendable {
        /// - Parameter values: what stands in the places of the route's pattern.
        case route(Route, values: [String])
        case unknownPath
        /// - Parameter allow: the methods that the path takes, as the value of Allow.
        case otherMethod(allow: String)
    }

    /// In the order they were given.
    let all: [Route]
    private let exact: [String: [Route]]
    private let patterns: [Route]

    init(_ routes: [Route]) {
        all = routes
        exact = Dictionary(grouping: routes.filter(\.pattern.isExact), by: \.pattern.text)
        patterns = routes.filter { !$0.pattern.isExact }
    }

    func match(_ method: RequestHead.Method, _ path: String) -> Match {
        if let routes = exact[path] {
            if let route = routes.first(where: { $0.methods.contains(method) }) { return .route(route, values: []) }
            return .otherMethod(allow: Self.allow(routes))
        }
        var others: [Route] = []
        for route in patterns {
            guard let values = route.pattern.match(path) else { continue }
            if route.methods.contains(method) { return .route(route, values: values) }
            others.append(route)
        }
        return others.isEmpty ? .unknownPath : .otherMethod(allow: Self.allow(others))
    }

    private static func allow(_ routes: [Route]) -> String {
        var names: [String] = []
        for name in routes.flatMap(\.methods).map(\.text) where !names.contains(name) { names.append(name) }
        return names.joined(separator: ", ")
    }

    /// The path that is meant: base addresses are given with a slash at the end, and clients put one more in front of what
    /// they add, so that slashes are doubled at the start or left over at the end. Files of the page are named exactly.
    static func meant(_ path: String) -> String {
        guard path.utf8.count > 1, path.hasPrefix("//") || path.hasSuffix("/"), !path.hasPrefix("/assets/") else {
            return path
        }
        var text = path[...]
        while text.hasPrefix("//") { text = text.dropFirst() }
        while text.utf8.count > 1, text.hasSuffix("/") { text = text.dropLast() }
        return String(text)
    }
}
