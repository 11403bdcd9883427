import Glibc
import NIOCore
import NIOPosix
import NIOSSL

/// Words for what kept a connection from being made.
enum ConnectFailure {
    static func describe(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first { return describe(first.error) }
            if error.dnsAError != nil || error.dnsAAAAError != nil { return "the host name could not be resolved" }
            return "could not connect"
        case let error as IOError: return words(error.errnoCode)
        case NIOSSLError.uncleanShutdown: return "the connection ended without the end of TLS"
        default: return "\(error)"
        }
    }

    private static func words(_ code: CInt) -> String {
        switch code {
        case ECONNREFUSED: "connection refused: nothing listens there"
        case EHOSTUNREACH, ENETUNREACH: "the host cannot be reached"
        case ETIMEDOUT: "the host does not answer"
        case ECONNRESET: "the connection was reset"
        case EMFILE, ENFILE: "this process has too many open files; raise its limit (ulimit -n)"
        default: String(cString: strerror(code))
        }
    }
}
