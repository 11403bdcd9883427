import Glibc

/// A connection to the gateway, for one thread that may block.
protocol ByteStream {
    func send(_ bytes: [UInt8]) throws(PlainHTTP.Failure)
    /// What has come, once something has; empty: the end.
    func receive() throws(PlainHTTP.Failure) -> [UInt8]
    func close()
}

/// Over TCP alone.
///
/// Invariant: `descriptor` is open from `init` to `close`, which is called once.
struct SocketStream: ByteStream {
    private let descriptor: CInt

    /// - Parameters:
    ///   - seconds: for the connection, and for each piece that is sent.
    ///   - patience: seconds until a piece has come; nil: any time.
    init(host: String, port: Int, seconds: Int, patience: Int?) throws(PlainHTTP.Failure) {
        var hints = addrinfo()
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0, let list else {
            throw PlainHTTP.Failure(reason: "the host name cannot be resolved")
        }
        defer { freeaddrinfo(list) }
        var failure = PlainHTTP.Failure(reason: "no address")
        var entry: UnsafeMutablePointer<addrinfo>? = list
        while let address = entry {
            let connection = socket(address.pointee.ai_family, address.pointee.ai_socktype, address.pointee.ai_protocol)
            if connection >= 0 {
                Self.limit(connection, SO_SNDTIMEO, seconds)
                if connect(connection, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 {
                    Self.limit(connection, SO_RCVTIMEO, patience ?? 0)
                    descriptor = connection
                    return
                }
                failure = Self.lastError()
                Glibc.close(connection)
            }
            entry = address.pointee.ai_next
        }
        throw failure
    }

    private static func limit(_ connection: CInt, _ option: CInt, _ seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(connection, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    func send(_ bytes: [UInt8]) throws(PlainHTTP.Failure) {
        guard Glibc.send(descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count else {
            throw Self.lastError()
        }
    }

    func receive() throws(PlainHTTP.Failure) -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count < 0 { throw Self.lastError() }
        return Array(chunk[..<count])
    }

    func close() { Glibc.close(descriptor) }

    private static func lastError() -> PlainHTTP.Failure {
        PlainHTTP.Failure(reason: String(cString: strerror(errno)).lowercased())
    }
}
