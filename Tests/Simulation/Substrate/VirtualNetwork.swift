import Core
import Glibc
import NIOCore
import Upstream

/// What becomes of an attempt to connect.
enum ConnectFate {
    case accepted
    case refused
    /// No answer at all.
    case stalled
}

/// Something that listens.
protocol Listener: AnyObject {
    func fate() -> ConnectFate
    func accept(_ plug: Plug)
}

/// The network between the gateway, its clients and the servers: who listens where, and what each connection is like.
///
/// Invariant behind the unchecked Sendable: it is used on its loop alone.
final class VirtualNetwork: UpstreamConnector, @unchecked Sendable {
    let loop: VirtualLoop
    private var random: SeededRandom
    private var listeners: [String: any Listener] = [:]
    /// What all connections are like; nil: each is drawn.
    private let manner: FlowManner?
    private let chaos: Chaos
    private let trace: Trace
    /// The gateway's ends of connections to servers that are open.
    private(set) var upstream: [VirtualChannel] = []

    init(_ loop: VirtualLoop, seed: UInt64, manner: FlowManner?, _ chaos: Chaos, _ trace: Trace) {
        self.loop = loop
        self.chaos = chaos
        self.trace = trace
        random = SeededRandom(seed: seed)
        self.manner = manner
    }

    func listen(host: String, port: Int, _ listener: any Listener) { listeners["\(host):\(port)"] = listener }

    func pair() -> (Plug, Plug) { Plug.pair(loop, &random, manner) }

    /// The gateway's end of a connection from a client, which is on the same machine: operators are among them.
    func client(_ plug: Plug) -> VirtualChannel {
        let channel = channel(plug, allowsHalfClosure: true)
        channel.remoteAddress = try? SocketAddress(ipAddress: "127.0.0.1", port: 40_000)
        return channel
    }

    /// The gateway's end of a connection.
    func channel(_ plug: Plug, allowsHalfClosure: Bool) -> VirtualChannel {
        let size = manner != nil ? 2048 : [256, 2048, 16 * 1024].randomElement(using: &random) ?? 2048
        return VirtualChannel(loop, plug, allowsHalfClosure: allowsHalfClosure, readSize: size)
    }

    func connect(
        host: String, port: Int, loop: any EventLoop, timeout: TimeAmount,
        prepare: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        let promise = loop.makePromise(of: (any Channel).self)
        let delay = manner == nil ? UInt64.random(in: 10_000...50_000_000, using: &random) : 100_000
        if chaos.strikes(.noDescriptors) {
            trace.note("there is no descriptor for a connection to \(port)")
            promise.fail(IOError(errnoCode: EMFILE, reason: "socket"))
            return promise.futureResult
        }
        guard let listener = listeners["\(host):\(port)"] else {
            self.loop.after(delay) { promise.fail(IOError(errnoCode: ECONNREFUSED, reason: "connect")) }
            return promise.futureResult
        }
        switch listener.fate() {
        case .refused: self.loop.after(delay) { promise.fail(IOError(errnoCode: ECONNREFUSED, reason: "connect")) }
        case .stalled:
            self.loop.after(UInt64(max(0, timeout.nanoseconds))) {
                promise.fail(ChannelError.connectTimeout(timeout))
            }
        case .accepted:
            self.loop.after(delay) { [self] in
                let (near, far) = pair()
                let channel = channel(near, allowsHalfClosure: false)
                channel.remoteAddress = try? SocketAddress(ipAddress: host, port: port)
                upstream.append(channel)
                channel.closeFuture.assumeIsolated().whenComplete { [weak self, weak channel] _ in
                    self?.upstream.removeAll { $0 === channel }
                }
                listener.accept(far)
                prepare(channel).assumeIsolated().whenComplete { result in
                    switch result {
                    case .success: channel.becomeActive(promise)
                    case .failure(let error):
                        channel.close(promise: nil)
                        promise.fail(error)
                    }
                }
            }
        }
        return promise.futureResult
    }
}
