import ArgumentParser
import Config
import Core
import EventStream
import Glibc
import JSON

/// How a command finds the running gateway.
struct HostOptions: ParsableArguments {
    @Option(help: "Address of the running gateway; default: from configuration and environment.") var url: String?
    @Option(help: "Configuration file that names host and port.") var config: String?
    @Flag(help: "Print the gateway's JSON.") var json = false

    func address() throws -> BackendURL {
        if let url {
            do {
                return try BackendURL(url)
            } catch {
                throw fail("--url: \(error)")
            }
        }
        var flags = ConfigurationLoader.Flags()
        flags.config = config
        let server = try load(flags).configuration.server
        let host = server.host == "0.0.0.0" || server.host == "::" ? "127.0.0.1" : server.host
        return try BackendURL("http://\(host.contains(":") ? "[\(host)]" : host):\(server.port)")
    }

    /// Asks the gateway; ends with a message if it does not answer.
    func get(_ path: String) throws -> (status: Int, body: [UInt8]) { try ask("GET", path) }

    /// Tells the gateway to do something.
    func post(_ path: String) throws -> (status: Int, body: [UInt8]) { try ask("POST", path) }

    /// Tells the gateway to end something.
    func delete(_ path: String) throws -> (status: Int, body: [UInt8]) { try ask("DELETE", path) }

    /// - Parameter body: JSON; empty: none.
    func ask(_ method: String, _ path: String, body: [UInt8] = []) throws -> (status: Int, body: [UInt8]) {
        let address = try address()
        guard !address.isTLS else { throw fail("\(address): this command speaks http only; use curl for https") }
        do throws(PlainHTTP.Failure) {
            return try PlainHTTP.ask(
                method, host: address.host, port: address.port, path: address.path + path, body: body)
        } catch {
            throw fail("\(address): \(error.reason); is 'nexus serve' running there? (--url names another address)")
        }
    }

    func parsed(_ body: [UInt8]) throws -> JSONValue {
        do {
            return try JSONValue.parse(body)
        } catch {
            throw fail("the answer is not JSON; is that a nexus?")
        }
    }
}

/// The smallest HTTP client that does: one request, one answer, connection closed.
enum PlainHTTP {
    struct Failure: Error { let reason: String }

    private static let timeoutSeconds = 10
    /// For what the gateway does before it answers: longer than it takes to ask a new server what it is.
    private static let commandSeconds = 60
    private static let limit = 64 * 1024 * 1024

    /// - Parameter body: JSON; empty: none.
    static func ask(
        _ method: String, host: String, port: Int, path: String, body: [UInt8] = []
    ) throws(Failure) -> (status: Int, body: [UInt8]) {
        let connection = try connected(host, port, seconds: method == "GET" ? timeoutSeconds : commandSeconds)
        defer { close(connection) }
        let type = body.isEmpty ? "" : "Content-Type: application/json\r\n"
        let length = method == "GET" ? "" : "\(type)Content-Length: \(body.count)\r\n"
        let request =
            Array(
                ("\(method) \(path) HTTP/1.0\r\nHost: \(name(host, port))\r\nAccept: application/json\r\n" + length
                    + "\r\n").utf8) + body
        guard send(connection, request, request.count, CInt(MSG_NOSIGNAL)) == request.count else { throw lastError() }
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while answer.count < limit {
            let count = recv(connection, &chunk, chunk.count, 0)
            if count < 0 { throw lastError() }
            if count == 0 { break }
            answer.append(contentsOf: chunk[..<count])
        }
        let end = Array("\r\n\r\n".utf8)
        guard let split = answer.indices.first(where: { answer[$0...].starts(with: end) }) else {
            throw Failure(reason: "no HTTP answer came")
        }
        let words = String(decoding: answer[..<split], as: UTF8.self).split(separator: " ", maxSplits: 2)
        guard words.count > 1, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw Failure(reason: "no HTTP answer came")
        }
        return (status, Array(answer[(split + 4)...]))
    }

    /// Posts JSON and gives the lines of the answer's body, mostly an event stream, as they come, for as long as it takes.
    static func lines(
        host: String, port: Int, path: String, body: [UInt8], _ line: (EventStreamLine) -> Void
    ) throws(Failure) {
        let connection = try connected(host, port)
        defer { close(connection) }
        var forever = timeval(tv_sec: 0, tv_usec: 0)
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &forever, socklen_t(MemoryLayout<timeval>.size))
        let head =
            "POST \(path) HTTP/1.0\r\nHost: \(name(host, port))\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(body.count)\r\n\r\n"
        let request = Array(head.utf8) + body
        guard send(connection, request, request.count, CInt(MSG_NOSIGNAL)) == request.count else { throw lastError() }
        // The head's lines end alike, and an empty one ends it.
        var lines = EventStreamLines(limit: limit)
        var isHead = true
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = recv(connection, &chunk, chunk.count, 0)
            if count < 0 { throw lastError() }
            if count == 0 { break }
            let isRead = chunk.withUnsafeBytes { bytes in
                let piece = UnsafeRawBufferPointer(rebasing: bytes[..<count])
                return
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

    /// As it stands in a request.
    private static func name(_ host: String, _ port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private static func connected(
        _ host: String, _ port: Int, seconds: Int = timeoutSeconds
    ) throws(Failure) -> CInt {
        var hints = addrinfo()
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0, let list else {
            throw Failure(reason: "the host name cannot be resolved")
        }
        defer { freeaddrinfo(list) }
        var failure = Failure(reason: "no address")
        var entry: UnsafeMutablePointer<addrinfo>? = list
        while let address = entry {
            let connection = socket(address.pointee.ai_family, address.pointee.ai_socktype, address.pointee.ai_protocol)
            if connection >= 0 {
                var timeout = timeval(tv_sec: seconds, tv_usec: 0)
                for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
                    setsockopt(connection, SOL_SOCKET, option, &timeout, socklen_t(MemoryLayout<timeval>.size))
                }
                if connect(connection, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 { return connection }
                failure = lastError()
                close(connection)
            }
            entry = address.pointee.ai_next
        }
        throw failure
    }

    private static func lastError() -> Failure { Failure(reason: String(cString: strerror(errno)).lowercased()) }
}
