import HTTP1

/// Finds the route of a request by its method and path.
struct RouteTable: Sendable {
    enum Match: Sendable {
        /// - Parameter values: what stands in the places of the route's pattern.
        case route(Route, values: [String])
        case unknownPath
        /// - Parameters:
        ///   - allow: the methods that the path takes, as the value of Allow.
        ///   - isForClients: pages of origins that the operator allows may ask for it.
        case otherMethod(allow: String, isForClients: Bool)
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
        var others: [Route] = []
        if let routes = exact[path] {
            if let route = routes.first(where: { $0.methods.contains(method) }) { return .route(route, values: []) }
            // A pattern may take it by another method.
            others = routes
        }
        for route in patterns {
            guard let values = route.pattern.match(path) else { continue }
            if route.methods.contains(method) { return .route(route, values: values) }
            others.append(route)
        }
        return others.isEmpty ? .unknownPath : Self.otherMethod(others)
    }

    /// Where a path is unknown: the nearest that is known and may be meant by it, and whether it is one of the clients' APIs.
    /// Nil: there is none.
    func meant(_ method: RequestHead.Method, _ path: String) -> (path: String, isForClients: Bool)? {
        for other in MeantPath.candidates(path) {
            switch match(method, other) {
            case .route(let route, _): return (other, route.isForClients)
            case .otherMethod(_, let isForClients): return (other, isForClients)
            case .unknownPath: break
            }
        }
        return nil
    }

    private static func otherMethod(_ routes: [Route]) -> Match {
        var names: [String] = []
        for name in routes.flatMap(\.methods).map(\.text) where !names.contains(name) { names.append(name) }
        return .otherMethod(
            allow: names.joined(separator: ", "), isForClients: routes.contains(where: \.isForClients))
    }

    /// The path that is meant: base addresses are given with a slash at the end, and clients put one more in front of what
    /// they add, so that slashes are doubled or left over at the end. Files of the page are named exactly.
    static func meant(_ path: UnsafeRawBufferPointer.SubSequence) -> String {
        let slash = UInt8(ascii: "/")
        var last: UInt8 = 0
        var isPlain = path.last != slash || path.count == 1
        for byte in path {
            if byte == slash, last == slash { isPlain = false }
            last = byte
        }
        guard !isPlain, !path.starts(with: "/assets/".utf8) else { return String(decoding: path, as: UTF8.self) }
        var text: [UInt8] = []
        for byte in path where byte != slash || text.last != slash { text.append(byte) }
        if text.count > 1, text.last == slash { text.removeLast() }
        return String(decoding: text, as: UTF8.self)
    }
}
