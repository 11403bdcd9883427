import Core
import Glibc
import HTTP1

/// One HTTP request to the collector over a connection of its own. Blocks: for the exporter's thread.
///
/// Invariant of the unsafe parts: the descriptor is closed once, by `deinit`, and buffers are lent to the system for the
/// duration of one call.
struct CollectorCall: ~Copyable {
    /// No answer came.
    struct Failure: Error, Equatable {
        var words: String
    }

    struct Answer: Equatable {
        var status: Int
        /// In seconds, as far as the collector says; nil: it does not.
        var retryAfter: Double?
        var body: [UInt8]
    }

    private let socket: CInt
    private let end: UInt64

    /// - Parameter url: of the collector, without TLS.
    static func post(_ body: [UInt8], to url: BackendURL) throws(Failure) -> Answer {
        let end = Clock.monotonicNanoseconds() + UInt64(TracingLimits.requestSeconds * 1e9)
        let call = try connected(url, end)
        let authority = url.description.dropFirst("http://".count).prefix { $0 != "/" }
        let head = """
            POST \(url.path)/v1/traces HTTP/1.1\r
            Host: \(authority)\r
            User-Agent: nexus\r
            Content-Type: application/json\r
            Content-Length: \(body.count)\r
            Connection: close\r
            \r

            """
        try call.send(Array(head.utf8) + body)
        return try call.answer()
    }

    deinit { close(socket) }

    // MARK: The connection

    private static func connected(_ url: BackendURL, _ end: UInt64) throws(Failure) -> CollectorCall {
        var hints = addrinfo()
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        hints.ai_flags = CInt(AI_NUMERICSERV)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(url.host, String(url.port), &hints, &list)
        guard code == 0, let list else { throw Failure(words: String(cString: gai_strerror(code)).lowercased()) }
        defer { freeaddrinfo(list) }
        var failure = Failure(words: "its name has no address")
        var next: UnsafeMutablePointer<addrinfo>? = list
        for _ in 0..<TracingLimits.addresses {
            guard let address = next else { break }
            do throws(Failure) {
                return try connected(to: address.pointee, end)
            } catch {
                failure = error
            }
            next = address.pointee.ai_next
        }
        throw failure
    }

    private static func connected(to address: addrinfo, _ end: UInt64) throws(Failure) -> CollectorCall {
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let socket = Glibc.socket(address.ai_family, kind, address.ai_protocol)
        guard socket >= 0 else { throw failure() }
        let call = CollectorCall(socket: socket, end: end)
        if connect(socket, address.ai_addr, address.ai_addrlen) == 0 { return call }
        guard errno == EINPROGRESS else { throw failure() }
        try call.wait(for: POLLOUT)
        var code: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        guard getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else { throw failure() }
        guard code == 0 else { throw failure(code) }
        return call
    }

    private static func failure(_ code: CInt = errno) -> Failure {
        Failure(words: String(cString: strerror(code)).lowercased())
    }

    /// Until something can be read or written.
    private func wait(for events: CInt) throws(Failure) {
        while true {
            let now = Clock.monotonicNanoseconds()
            guard now < end else {
                throw Failure(words: "it did not answer within \(Int(TracingLimits.requestSeconds)) seconds")
            }
            var wanted = pollfd(fd: socket, events: Int16(events), revents: 0)
            let count = poll(&wanted, 1, CInt(clamping: (end - now) / 1_000_000 + 1))
            if count > 0 { return }
            if count < 0, errno != EINTR { throw Self.failure() }
        }
    }

    private func send(_ bytes: [UInt8]) throws(Failure) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            if count >= 0 {
                sent += count
            } else if errno == EAGAIN {
                try wait(for: POLLOUT)
            } else if errno != EINTR {
                throw Self.failure()
            }
        }
    }

    // MARK: The answer

    private func answer() throws(Failure) -> Answer {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            if let answer = try Self.parsed(bytes, isWhole: false) { return answer }
            guard bytes.count < TracingLimits.answer else { throw Failure(words: "its answer is too long") }
            let count = recv(socket, &chunk, chunk.count, 0)
            if count > 0 {
                bytes += chunk[..<count]
            } else if count == 0 {
                guard let answer = try Self.parsed(bytes, isWhole: true) else {
                    throw Failure(words: "it closed the connection without an answer")
                }
                return answer
            } else if errno == EAGAIN {
                try wait(for: POLLIN)
            } else if errno != EINTR {
                throw Self.failure()
            }
        }
    }

    /// - Parameter isWhole: no more follows.
    /// - Returns: nil: more is needed.
    static func parsed(_ bytes: [UInt8], isWhole: Bool) throws(Failure) -> Answer? {
        var rest = bytes[...]
        do {
            while true {
                var finder = HeadEndFinder()
                guard let end = try rest.withUnsafeBytes({ try finder.find($0) }) else { return nil }
                var head = ResponseHead()
                let found = rest.prefix(end)
                try found.withUnsafeBytes { try head.parse($0) }
                rest = rest.dropFirst(end)
                if head.isInterim { continue }
                guard let body = try body(of: head, Array(rest), isWhole: isWhole) else { return nil }
                return Answer(status: head.status, retryAfter: retryAfter(head, Array(found)), body: body)
            }
        } catch {
            throw Failure(words: "its answer is no HTTP")
        }
    }

    private static func body(of head: ResponseHead, _ bytes: [UInt8], isWhole: Bool) throws -> [UInt8]? {
        switch head.framing {
        case .none: return []
        case .untilClose: return isWhole ? bytes : nil
        case .length(let length):
            // What was cut may still say whether spans were taken: the status does.
            return bytes.count >= length ? Array(bytes[..<length]) : isWhole ? bytes : nil
        case .chunked:
            var (decoder, body, rest) = (ChunkedDecoder(), [UInt8](), bytes[...])
            while !decoder.isDone, !rest.isEmpty {
                let (consumed, data) = try rest.withUnsafeBytes { try decoder.next($0) }
                body += rest[(rest.startIndex + data.lowerBound)..<(rest.startIndex + data.upperBound)]
                rest = rest.dropFirst(consumed)
            }
            return decoder.isDone || isWhole ? body : nil
        }
    }

    private static func retryAfter(_ head: ResponseHead, _ bytes: [UInt8]) -> Double? {
        for field in head.fields where field.name.count == 11 {
            guard String(decoding: bytes[field.name], as: UTF8.self).lowercased() == "retry-after" else { continue }
            let seconds = Double(String(decoding: bytes[field.value], as: UTF8.self))
            return seconds.flatMap { $0.isFinite && $0 >= 0 ? min($0, TracingLimits.longestRetry) : nil }
        }
        return nil
    }
}
