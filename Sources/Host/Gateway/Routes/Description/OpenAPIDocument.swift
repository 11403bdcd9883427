import Core
import HTTP1
import JSON

/// The gateway's own routes as an OpenAPI document, for programs that make clients, forms or tests of it: `GET /v1/openapi.json`, and
/// docs/openapi.json.
enum OpenAPIDocument {
    /// It is the same for all who ask.
    static let text: [UInt8] = render(RouteTable.gateway.all).bytes

    private static let about =
        "One OpenAI-compatible endpoint in front of many LLM servers. Members that are not named here may come with any version: "
        + "pass over what you do not know."

    static func render(_ routes: [Route]) -> JSONValue {
        var paths: [(name: String, value: JSONValue)] = []
        for route in routes where route.says.isForPrograms {
            let path = route.pattern.openAPIPath
            let added = route.methods.filter { $0 != .head }
                .map { (name: $0.text.lowercased(), value: operation(route, $0)) }
            if let place = paths.firstIndex(where: { $0.name == path }) {
                paths[place].value = .object(JSONObject((paths[place].value.object?.members ?? []) + added))
            } else {
                paths.append((name: path, value: .object(JSONObject(parameters(route.pattern) + added))))
            }
        }
        let schemas = Schemas.all.map { (name: $0.name, value: $0.schema.json) }
        let shapes = routes.filter(\.says.isForPrograms).map(\.says.errorName)
        let errors = Set(shapes).sorted().flatMap { name in
            CommonErrors.all.map { (name: "\(name)\($0)", value: error($0, name)) }
        }
        let document: JSONValue = [
            "openapi": "3.1.0",
            "info": [
                "title": "Nexus", "version": .string(GatewayState.version),
                "description": .string(about),
            ],
            "paths": .object(JSONObject(paths)),
            "components": [
                "schemas": .object(JSONObject(schemas)), "responses": .object(JSONObject(errors)),
                "securitySchemes": [
                    "bearer": [
                        "type": "http", "scheme": "bearer",
                        "description": "A key of a client or an operator, where the gateway has keys.",
                    ],
                    "key": ["type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same key."],
                ],
            ],
        ]
        return document
    }

    /// Bytes of a value that stands on one line.
    private static let longestLine = 100

    /// With line breaks, for people who look at it and at what has changed.
    static func pretty(_ document: JSONValue) -> String {
        var text = ""
        write(document, indent: "", to: &text)
        return text + "\n"
    }

    private static func write(_ value: JSONValue, indent: String, to text: inout String) {
        let short = String(decoding: value.bytes, as: UTF8.self)
        guard short.utf8.count > longestLine else {
            text += short
            return
        }
        let inner = indent + "  "
        if let object = value.object, !object.members.isEmpty {
            let lines = object.members.map { member in
                var line = inner + String(decoding: JSONValue.string(member.name).bytes, as: UTF8.self) + ": "
                write(member.value, indent: inner, to: &line)
                return line
            }
            text += "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        } else if let array = value.array, !array.isEmpty {
            let lines = array.map { item in
                var line = inner
                write(item, indent: inner, to: &line)
                return line
            }
            text += "[\n" + lines.joined(separator: ",\n") + "\n\(indent)]"
        } else {
            text += short
        }
    }

    private static func error(_ status: Int, _ schema: String) -> JSONValue {
        [
            "description": .string(CommonErrors.words(status)),
            "content": ["application/json": ["schema": Schema.named(schema).json]],
        ]
    }

    // MARK: One operation

    /// What stands in the places of a path.
    private static func parameters(_ pattern: PathPattern) -> [(name: String, value: JSONValue)] {
        let names = pattern.names
        guard !names.isEmpty else { return [] }
        let all = names.map { name -> JSONValue in
            [
                "name": .string(name), "in": "path", "required": true,
                "schema": ["type": "string", "minLength": 1],
                "description": "Percent-encoded, slashes among it.",
            ]
        }
        return [(name: "parameters", value: .array(all))]
    }

    private static func operation(_ route: Route, _ method: RequestHead.Method) -> JSONValue {
        let says = route.says
        var members: [(name: String, value: JSONValue)] = [
            (name: "summary", value: .string(says.summary)),
            (name: "operationId", value: .string(identifier(method, route.pattern))),
            (name: "tags", value: [.string(route.access.tag)]),
        ]
        if route.access.mayNeedKey {
            // Nothing, where the gateway has no keys.
            members.append((name: "security", value: [[:], ["bearer": []], ["key": []]]))
        }
        if !says.parameters.isEmpty {
            members.append((name: "parameters", value: .array(says.parameters.map(\.json))))
        }
        if let body = says.body {
            members.append(
                (
                    name: "requestBody",
                    value: [
                        "required": .bool(body.isRequired),
                        "content": .object(
                            JSONObject([(name: body.type, value: ["schema": body.schema.json])])),
                    ]
                ))
        }
        members.append((name: "responses", value: .object(JSONObject(responses(route)))))
        return .object(JSONObject(members))
    }

    /// `get /v1/backends/{id}/detail` is getBackendsIdDetail.
    private static func identifier(_ method: RequestHead.Method, _ pattern: PathPattern) -> String {
        let words = pattern.openAPIPath.split { !$0.isLetter && !$0.isNumber }.filter { $0 != "v1" }
        return words.reduce(method.text.lowercased()) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
    }

    private static func responses(_ route: Route) -> [(name: String, value: JSONValue)] {
        let own = route.says.answers.map { answer in
            (
                status: answer.status,
                value: JSONValue.object(
                    JSONObject([
                        (name: "description", value: .string(answer.words)),
                        (name: "headers", value: ["x-request-id": ["schema": ["type": "string"]]]),
                        (
                            name: "content",
                            value: .object(
                                JSONObject(answer.content.map { (name: $0.type, value: ["schema": $0.schema.json]) }))
                        ),
                    ]))
            )
        }
        let taken = Set(own.map(\.status))
        let errors = Set(route.says.errors + (route.access.mayNeedKey ? [401] : []) + CommonErrors.statuses)
            .subtracting(taken)
            .map { status in
                let reference = "#/components/responses/\(route.says.errorName)\(status)"
                return (status: status, value: ["$ref": .string(reference)] as JSONValue)
            }
        return (own + errors).sorted { $0.status < $1.status }.map { (name: "\($0.status)", value: $0.value) }
    }
}

/// What any route may answer with, and what statuses mean here.
enum CommonErrors {
    /// What is wrong with HTTP itself, or of which the gateway has too little.
    static let statuses = [400, 403, 408, 413, 415, 421, 429, 431, 503]

    /// All that some route answers with.
    static let all = [400, 401, 403, 404, 408, 409, 413, 415, 421, 429, 431, 499, 500, 501, 502, 503, 504]

    static func words(_ status: Int) -> String {
        switch status {
        case 400: "The request is malformed, or a value is not allowed; the message says which."
        case 401: "A key is needed, or the one that was sent is unknown or has expired."
        case 403: "What was asked for is not allowed to who asked, or from where."
        case 404: "There is no such thing; the message says what there is."
        case 408: "The request did not come in time."
        case 409: "It cannot be done as things stand; the message says why."
        case 413: "The body is too large."
        case 415: "The body has a content coding that is not taken off."
        case 421: "The gateway is not reached under this host's name."
        case 429: "A limit is reached; Retry-After says when to try again."
        case 431: "The head is too large."
        case 499: "The request was cancelled."
        case 500: "Something went wrong in the gateway; nothing was changed."
        case 501: "No backend can do this."
        case 502: "The backend's answer cannot be used."
        case 503: "It cannot be done now; the message says why."
        case 504: "The backend did not answer in time."
        default: "An error; the message says what to do."
        }
    }
}

extension Operation.Parameter {
    fileprivate var json: JSONValue {
        [
            "name": .string(name), "in": .string(place.rawValue), "required": .bool(isRequired),
            "description": .string(words), "schema": schema.json,
        ]
    }
}

extension Route.Access {
    /// For groups of routes.
    var tag: String {
        switch self {
        case .everybody: "everybody"
        case .door: "signing in"
        case .client: "clients"
        case .view: "watching"
        case .operator: "operators"
        }
    }

    /// Who may ask, in words.
    var words: String {
        switch self {
        case .everybody, .door: "everybody"
        case .client: "clients"
        case .view: "who may see the dashboard"
        case .operator: "operators"
        }
    }

    fileprivate var mayNeedKey: Bool { self != .everybody && self != .door }
}
