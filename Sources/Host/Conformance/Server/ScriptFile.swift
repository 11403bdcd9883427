import JSON

/// A server told by a file, for adapters of other protocols; see docs/adapter-check.md.
struct ScriptFile: ServerScript {
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    private struct Route {
        var method: String
        var path: String
        /// For a route of `answers`: it is for streams, or not; nil: for both.
        var stream: Bool?
        var answer: UpstreamAnswer
    }

    private var routes: [Route] = []
    private var errorTemplate = #"{"error":{"message":"{message}"}}"#
    let models: [String]?
    let text: String?
    let usage: (prompt: UInt64, completion: UInt64)?
    let listsAnyNumber = false
    let isVariable = false
    let endlessStart: [UInt8]

    init(_ bytes: [UInt8]) throws(Problem) {
        let value: JSONValue
        do { value = try JSONValue.parse(bytes) } catch {
            throw Problem(description: "it is not JSON: \(error.reason) at byte \(error.offset)")
        }
        guard let file = value.object else { throw Problem(description: "it must hold an object") }
        let known = ["probe", "answers", "models", "text", "usage", "error"]
        if let other = file.members.first(where: { !known.contains($0.name) }) {
            throw Problem(description: "\"\(other.name)\" is not known; known are \(known.joined(separator: ", "))")
        }
        models = file["models"]?.array?.compactMap(\.string)
        text = file["text"]?.string
        usage = file["usage"].flatMap { usage in
            guard let prompt = usage["prompt"]?.int, let completion = usage["completion"]?.int, prompt >= 0,
                completion >= 0
            else { return nil }
            return (UInt64(prompt), UInt64(completion))
        }
        if let error = file["error"] {
            errorTemplate = error.string ?? String(decoding: error.bytes, as: UTF8.self)
        }
        endlessStart = []
        for (name, isGeneration) in [("probe", false), ("answers", true)] {
            for (index, route) in (file[name]?.array ?? []).enumerated() {
                routes.append(try Self.route(route, "\(name)[\(index)]", isGeneration: isGeneration))
            }
        }
        guard !routes.isEmpty else { throw Problem(description: "it has no routes in \"probe\" or \"answers\"") }
    }

    private static func route(_ value: JSONValue, _ place: String, isGeneration: Bool) throws(Problem) -> Route {
        guard let path = value["path"]?.string, path.hasPrefix("/") else {
            throw Problem(description: "\(place).path must be a string that starts with \"/\"")
        }
        guard let body = value["body"] else { throw Problem(description: "\(place).body is missing") }
        let status = value["status"]?.int ?? 200
        guard (200...599).contains(status) else {
            throw Problem(description: "\(place).status must be from 200 to 599")
        }
        let type = value["content_type"]?.string ?? "application/json"
        let answer = UpstreamAnswer(
            status: UInt32(status), headers: [("content-type", type)],
            body: body.string.map { Array($0.utf8) } ?? body.bytes, isGeneration: isGeneration)
        return Route(
            method: value["method"]?.string ?? (isGeneration ? "POST" : "GET"), path: path,
            stream: value["stream"]?.bool, answer: answer)
    }

    func answer(_ request: UpstreamRequest, _ variation: Variation) -> UpstreamAnswer {
        let path = request.path.prefix { $0 != "?" }
        let wantsStream = (try? JSONValue.parse(request.body))?["stream"]?.bool
        let route = routes.first {
            $0.path == path && $0.method == request.method
                && ($0.stream == nil || wantsStream == nil || $0.stream == wantsStream)
        }
        return route?.answer ?? UpstreamAnswer(status: 404, body: error(404, "no such path", for: request.path))
    }

    func error(_ status: UInt32, _ text: String, for path: String) -> [UInt8] {
        let escaped = JSONValue.string(text).bytes.dropFirst().dropLast()
        let parts = errorTemplate.split(separator: "{message}", omittingEmptySubsequences: false)
        return Array(parts.joined(separator: String(decoding: escaped, as: UTF8.self)).utf8)
    }
}
