import ArgumentParser
import Config
import Core
import EventStream
import Glibc
import JSON
import NIOSSL
import Terminal

/// How a command finds the running gateway.
struct HostOptions: ParsableArguments {
    @Option(help: "Address of the running gateway; default: from configuration and environment.") var url: String?
    @Option(name: .shortAndLong, help: "Configuration file that names host and port.") var config: String?
    @Option(help: "Key of an operator; default: NEXUS_KEY.") var key: String?
    @Option(
        name: .customLong("ca-file"),
        help:
            "File with a certificate to trust over https, besides the system's and the configuration's; default: NEXUS_CA_FILE."
    )
    var caFile: String?
    @Flag(help: "Print the gateway's JSON.") var json = false

    /// What is shown to the gateway; nil: nothing.
    var shownKey: String? {
        let key = key ?? environmentVariables()["NEXUS_KEY"] ?? ""
        // Else it would end the field, and begin another.
        return key.isEmpty || !key.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } ? nil : key
    }

    /// - Parameter mayBePlain: as below.
    func place(mayBePlain: Bool = false) throws -> GatewayPlace {
        let given = caFile ?? environmentVariables()["NEXUS_CA_FILE"] ?? ""
        let authorities = given.isEmpty ? nil : try GatewayPlace.certificates(given)
        if let url {
            do throws(BackendURL.Malformed) {
                return GatewayPlace(url: try BackendURL(url), trust: .authorities(authorities ?? []))
            } catch {
                throw usage("--url: \(error)")
            }
        }
        var flags = ConfigurationLoader.Flags()
        flags.config = config
        let server: Configuration.Server
        do throws(ConfigurationError) {
            server = try ConfigurationLoader.load(flags, environment: environmentVariables()).configuration.server
        } catch {
            let code = invalid(error)
            // Only who has the gateway read it again may have thought that it counts now.
            if mayBePlain { tell("The running gateway goes on with the configuration before.") }
            tell("--url http://HOST:PORT asks the gateway without reading it.")
            throw code
        }
        return try Self.place(of: server, authorities: authorities, mayBePlain: mayBePlain)
    }

    /// A line behind what has been said to be wrong.
    private func tell(_ words: String) {
        let line = Array("\(words)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }

    /// Where a gateway is that is configured so.
    /// - Parameter mayBePlain: it may not have read yet that it is to speak TLS. What is sent then can be read by whoever has the port.
    static func place(
        of server: Configuration.Server, authorities: [NIOSSLCertificate]?, mayBePlain: Bool = false
    ) throws -> GatewayPlace {
        let host = server.host == "0.0.0.0" || server.host == "::" ? "127.0.0.1" : server.host
        let scheme = server.tlsCertificate == nil ? "http" : "https"
        var place = GatewayPlace(
            url: try BackendURL("\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(server.port)"))
        guard let path = server.tlsCertificate else { return place }
        // Only on this machine: nobody between is to make it speak without TLS.
        place.mayBePlain =
            mayBePlain && (host == "localhost" || host == "::1" || host.hasPrefix("127."))
        if let authorities {
            place.trust = .authorities(authorities)
        } else if let own = try GatewayPlace.certificates(path).first {
            place.trust = .exactly(own)
        }
        return place
    }

    /// Asks the gateway; ends with a message if it does not answer.
    func get(_ path: String) throws -> (status: Int, body: [UInt8]) { try ask("GET", path) }

    /// Tells the gateway to do something.
    func post(_ path: String) throws -> (status: Int, body: [UInt8]) { try ask("POST", path) }

    /// Tells the gateway to end something.
    func delete(_ path: String) throws -> (status: Int, body: [UInt8]) { try ask("DELETE", path) }

    /// Has the gateway read its configuration. It may not speak TLS yet, where that says so; then no key is shown to it.
    func reload(_ query: String = "") throws -> (status: Int, body: [UInt8]) {
        try ask("POST", "/v1/admin/reload" + query, mayBePlain: true)
    }

    /// - Parameter body: JSON; empty: none.
    func ask(
        _ method: String, _ path: String, body: [UInt8] = [], mayBePlain: Bool = false
    ) throws -> (status: Int, body: [UInt8]) {
        let place = try place(mayBePlain: mayBePlain)
        let answer: (status: Int, body: [UInt8])
        do throws(PlainHTTP.Failure) {
            answer = try PlainHTTP.ask(method, at: place, path: path, body: body, key: shownKey)
        } catch {
            throw fail("\(place): \(error.reason); is 'nexus serve' running there? (--url names another address)")
        }
        if answer.status == 404, let words = Self.misplaced(place, answer.body) { throw fail(words) }
        if let words = Self.refusal(answer.status, answer.body) { throw fail(words) }
        return answer
    }

    /// What a gateway says that wants another key, or any; nil: it wants none.
    static func refusal(_ status: Int, _ body: [UInt8]) -> String? {
        guard status == 401 || status == 403 else { return nil }
        let words = GatewayWords.refusal(try? JSONValue.parse(body), status)
        return "\(words) (--key, or NEXUS_KEY)"
    }

    /// What is wrong with an address below which nothing is known; nil: nothing is to be said of it.
    private static func misplaced(_ place: GatewayPlace, _ body: [UInt8]) -> String? {
        let code = (try? JSONValue.parse(body))?["error"]?["code"]?.string
        // What the gateway itself says of a backend, a request or a model is no matter of the address.
        guard code == nil || code == "unknown_path" || code == "not_found" else { return nil }
        guard !place.url.path.isEmpty else { return code == nil ? "\(place) answers 404: is that a nexus?" : nil }
        let root = "\(place)".dropLast(place.url.path.utf8.count)
        return
            "\(place) answers 404: the commands want the address of the gateway alone, without \(place.url.path): --url \(root)"
    }

    func parsed(_ body: [UInt8]) throws -> JSONValue {
        do {
            return try JSONValue.parse(body)
        } catch {
            throw fail("the answer is not JSON; is that a nexus?")
        }
    }
}

/// The smallest HTTP client that does: one request, one answer, connection closed. Over TLS where the place says so.
enum PlainHTTP {
    struct Failure: Error {
        let reason: String
        /// It does not speak TLS.
        var isPlain = false
        /// A gateway has answered, and wants another key.
        var isRefusal = false
    }

    private static let timeoutSeconds = 10
    /// For what the gateway does before it answers: longer than it takes to ask a new server what it is.
    private static let commandSeconds = 60
    private static let limit = 64 * 1024 * 1024

    /// - Parameters:
    ///   - path: below that of the place.
    ///   - body: JSON; empty: none.
    static func ask(
        _ method: String, at place: GatewayPlace, path: String, body: [UInt8] = [], key: String? = nil
    ) throws(Failure) -> (status: Int, body: [UInt8]) {
        try ask(
            method, at: place, path: path, body: body, key: key,
            fields: body.isEmpty ? [] : [("Content-Type", "application/json")],
            patience: method == "GET" ? timeoutSeconds : commandSeconds)
    }

    /// - Parameters:
    ///   - fields: of the request's head; printable ASCII.
    ///   - patience: seconds until a piece of the answer has come; nil: any time.
    static func ask(
        _ method: String, at place: GatewayPlace, path: String, body: [UInt8], key: String?,
        fields: [(name: String, value: String)], patience: Int?
    ) throws(Failure) -> (status: Int, body: [UInt8]) {
        let type = fields.map { "\($0.name): \($0.value)\r\n" }.joined()
        let length = method == "GET" ? "" : "\(type)Content-Length: \(body.count)\r\n"
        let (connection, place) = try begun(at: place, patience: patience) { place in
            Array(
                ("\(method) \(place.url.path)\(path) HTTP/1.0\r\nHost: \(name(place.url))\r\n"
                    + "Accept: application/json\r\n\(authorization(key, place))\(length)\r\n").utf8) + body
        }
        defer { connection.close() }
        var answer: [UInt8] = []
        while answer.count < limit {
            let piece = try connection.receive()
            if piece.isEmpty { break }
            answer += piece
        }
        let end = Array("\r\n\r\n".utf8)
        guard let split = answer.indices.first(where: { answer[$0...].starts(with: end) }) else {
            throw noAnswer(answer, place)
        }
        let words = String(decoding: answer[..<split], as: UTF8.self).split(separator: " ", maxSplits: 2)
        guard words.count > 1, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw noAnswer(answer, place)
        }
        return (status, Array(answer[(split + 4)...]))
    }

    /// Posts JSON and gives the lines of the answer's body, mostly an event stream, as they come, for as long as it takes.
    static func lines(
        at place: GatewayPlace, path: String, body: [UInt8], key: String? = nil, _ line: (EventStreamLine) -> Void
    ) throws(Failure) {
        let (connection, _) = try begun(at: place, patience: nil) { place in
            Array(
                ("POST \(place.url.path)\(path) HTTP/1.0\r\nHost: \(name(place.url))\r\n"
                    + "Content-Type: application/json\r\n\(authorization(key, place))Content-Length: \(body.count)\r\n\r\n")
                    .utf8)
                + body
        }
        defer { connection.close() }
        // The head's lines end alike, and an empty one ends it.
        var lines = EventStreamLines(limit: limit)
        var isHead = true
        while true {
            let chunk = try connection.receive()
            if chunk.isEmpty { break }
            let isRead = chunk.withUnsafeBytes { piece in
                (try? lines.feed(piece) { text, _ in
                    if !isHead { line(text) }
                    if text.kind == .end { isHead = false }
                    return true
                }) != nil
            }
            guard isRead else { throw Failure(reason: "the answer holds a line of more than \(limit) bytes") }
        }
        lines.finish { if !isHead { line($0) } }
    }

    /// A connection over which the request was sent, and where that is.
    /// - Parameter patience: seconds until a piece of the answer has come; nil: any time.
    private static func begun(
        at place: GatewayPlace, patience: Int?, request: (GatewayPlace) -> [UInt8]
    ) throws(Failure) -> (any ByteStream, GatewayPlace) {
        guard place.url.isTLS else {
            let connection = try SocketStream(
                host: place.url.host, port: place.url.port, seconds: timeoutSeconds, patience: patience)
            return (try sent(request(place), over: connection), place)
        }
        do {
            let connection = try TLSStream(place, seconds: timeoutSeconds, patience: patience)
            return (try sent(request(place), over: connection), place)
        } catch {
            // The configuration says so, and the gateway has not read that yet: with this it may be told to.
            guard error.isPlain, let plain = place.plain else { throw error }
            return try begun(at: plain, patience: patience, request: request)
        }
    }

    private static func sent(_ request: [UInt8], over connection: any ByteStream) throws(Failure) -> any ByteStream {
        do throws(Failure) {
            try connection.send(request)
        } catch {
            connection.close()
            throw error
        }
        return connection
    }

    /// What came is no answer: the end, a record of TLS (RFC 8446, section 5.1), or nobody knows what.
    private static func noAnswer(_ bytes: [UInt8], _ place: GatewayPlace) -> Failure {
        let mayBeTLS = !place.url.isTLS && (bytes.isEmpty || bytes.starts(with: [0x15, 0x03]))
        return Failure(
            reason: "no HTTP answer came" + (mayBeTLS ? " (if it speaks https, say so: --url https://...)" : ""))
    }

    private static func authorization(_ key: String?, _ place: GatewayPlace) -> String {
        place.isUnproven ? "" : key.map { "Authorization: Bearer \($0)\r\n" } ?? ""
    }

    /// As it stands in a request.
    private static func name(_ url: BackendURL) -> String {
        url.host.contains(":") ? "[\(url.host)]:\(url.port)" : "\(url.host):\(url.port)"
    }
}
