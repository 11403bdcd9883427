import Dispatch
import Gateway
import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Over TLS: an event loop of its own does the work, and its owner's thread waits for it.
struct TLSStream: ByteStream {
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private let channel: any Channel
    private let mailbox: Mailbox
    private let place: GatewayPlace
    private let patience: Int?

    /// - Parameters:
    ///   - seconds: for the connection.
    ///   - patience: seconds until a piece has come; nil: any time.
    init(_ place: GatewayPlace, seconds: Int, patience: Int?) throws(PlainHTTP.Failure) {
        let mailbox = Mailbox()
        do {
            let context = try NIOSSLContext(configuration: Self.settings(place.trust))
            channel = try ClientBootstrap(group: Self.group)
                .connectTimeout(.seconds(Int64(seconds)))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers([
                            Self.handler(context, place), MailHandler(mailbox),
                        ])
                    }
                }
                .connect(host: place.url.host, port: place.url.port).wait()
        } catch {
            throw Self.failure(error, place)
        }
        self.mailbox = mailbox
        self.place = place
        self.patience = patience
    }

    private static func settings(_ trust: GatewayPlace.Trust) -> TLSConfiguration {
        var settings = TLSConfiguration.makeClientConfiguration()
        settings.minimumTLSVersion = .tlsv12
        settings.applicationProtocols = ["http/1.1"]
        switch trust {
        // Nobody else, and so none of the system's need to be read.
        case .exactly(let certificate): settings.trustRoots = .certificates([certificate])
        case .authorities(let certificates):
            if !certificates.isEmpty { settings.additionalTrustRoots = [.certificates(certificates)] }
        }
        return settings
    }

    private static func handler(_ context: NIOSSLContext, _ place: GatewayPlace) throws -> NIOSSLClientHandler {
        let host = place.url.host
        let isAddress = host.contains(":") || host.utf8.allSatisfy { $0 == 0x2E || (0x30...0x39).contains($0) }
        let name = isAddress ? nil : host
        guard case .exactly(let certificate) = place.trust else {
            return try NIOSSLClientHandler(context: context, serverHostname: name)
        }
        return try NIOSSLClientHandler(
            context: context, serverHostname: name,
            customVerificationCallback: { shown, promise in
                promise.succeed(shown.first == certificate ? .certificateVerified : .failed)
            })
    }

    func send(_ bytes: [UInt8]) throws(PlainHTTP.Failure) {
        do {
            // Until it is written: the handshake comes first.
            try channel.writeAndFlush(ByteBuffer(bytes: bytes)).wait()
        } catch {
            throw Self.failure(mailbox.error ?? error, place)
        }
    }

    func receive() throws(PlainHTTP.Failure) -> [UInt8] {
        switch mailbox.take(seconds: patience) {
        case .bytes(let bytes): return bytes
        case .end: return []
        case .failed(let error): throw Self.failure(error, place)
        case .nothing: throw PlainHTTP.Failure(reason: "it does not answer in time")
        }
    }

    func close() { channel.close(promise: nil) }

    /// In words.
    private static func failure(_ error: any Error, _ place: GatewayPlace) -> PlainHTTP.Failure {
        let text = "\(error)"
        if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
            return PlainHTTP.Failure(reason: "it speaks http, not https", isPlain: true)
        }
        if let error = error as? NIOSSLExtraError, error == .failedToValidateHostname {
            return PlainHTTP.Failure(reason: "its certificate is not for \(place.url.host)")
        }
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            if case .exactly = place.trust {
                return PlainHTTP.Failure(
                    reason: "it shows another certificate than the configuration names (server.tls_certificate)")
            }
            return PlainHTTP.Failure(reason: "its certificate is not trusted (--ca-file names one that is)")
        }
        if let error = error as? NIOConnectionError {
            if error.dnsAError != nil, error.connectionErrors.isEmpty {
                return PlainHTTP.Failure(reason: "the host name cannot be resolved")
            }
            if let reason = error.connectionErrors.last.flatMap({ $0.error as? IOError }) {
                return PlainHTTP.Failure(reason: reason.words)
            }
        }
        if let error = error as? IOError { return PlainHTTP.Failure(reason: error.words) }
        return PlainHTTP.Failure(reason: Gateway.words(error))
    }
}

extension IOError {
    fileprivate var words: String { String(cString: strerror(errnoCode)).lowercased() }
}

/// What has come, until its reader takes it. The gateway is trusted not to send without end.
private final class Mailbox: Sendable {
    enum Mail {
        case bytes([UInt8])
        case end
        case failed(any Error)
        /// Nothing came in time.
        case nothing
    }

    private struct State {
        var bytes: [UInt8] = []
        var isOver = false
        var error: (any Error)?
    }

    private let state = Mutex(State())
    private let something = DispatchSemaphore(value: 0)

    var error: (any Error)? { state.withLock { $0.error } }

    func put(_ bytes: some Sequence<UInt8>) {
        state.withLock { $0.bytes += bytes }
        something.signal()
    }

    /// The first error counts.
    func end(_ error: (any Error)?) {
        state.withLock { state in
            state.isOver = true
            state.error = state.error ?? error
        }
        something.signal()
    }

    func take(seconds: Int?) -> Mail {
        let limit = seconds.map { DispatchTime.now() + .seconds($0) } ?? .distantFuture
        while true {
            let mail = state.withLock { state -> Mail? in
                guard state.bytes.isEmpty else {
                    defer { state.bytes = [] }
                    return .bytes(state.bytes)
                }
                guard state.isOver else { return nil }
                return state.error.map { .failed($0) } ?? .end
            }
            if let mail { return mail }
            if something.wait(timeout: limit) == .timedOut { return .nothing }
        }
    }
}

private final class MailHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let mailbox: Mailbox

    init(_ mailbox: Mailbox) { self.mailbox = mailbox }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        mailbox.put(unwrapInboundIn(data).readableBytesView)
    }

    func channelInactive(context: ChannelHandlerContext) { mailbox.end(nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // An end without the words for it is one: what came tells whether it is whole.
        if case NIOSSLError.uncleanShutdown = error { return mailbox.end(nil) }
        mailbox.end(error)
        context.close(promise: nil)
    }
}
