import AdapterHost
import Core
import CostCounting
import Gateway
import NIOCore
import NIOEmbedded
import OpenAICompat
import PluginAPI
import Shims

/// A client's connection to a gateway, and the gateway's to a server, in memory and on one thread.
final class CostLine {
    /// What is counted is not what should be.
    struct Wrong: Error, CustomStringConvertible {
        let description: String
    }

    private let loop = EmbeddedEventLoop()
    private let servers: Servers
    private let gateway: OneLoopGateway
    private let client: EmbeddedChannel
    private var requests: UInt64 = 0

    init() throws {
        // The clock stands still.
        let clock = UnsafeMutablePointer<nexus_clock>.allocate(capacity: 1)
        clock.initialize(
            to: nexus_clock(monotonic: 31_536_000_000_000_000, wall: 1_767_225_600_000_000_000, shortage: 0))
        nexus_set_thread_clock(clock)
        servers = Servers(loop)
        gateway = OneLoopGateway(Configuration(), loop: loop, connector: servers, seed: 1)
        client = EmbeddedChannel(handler: gateway.connection(), loop: loop)
        try client.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        let image = try AdapterImage(linked: "OpenAICompat") { adapterEntry($0, $1) }
        try gateway.add("server", image: image, host: "10.0.0.1", port: 80)
        try probe()
    }

    /// Answers what the adapter asks until it asks no more.
    private func probe() throws {
        loop.run()
        while let server = try servers.asked() {
            try server.writeInbound(Messages.models)
            loop.run()
        }
        gateway.refresh()
    }

    // MARK: Counting

    /// Does `work` within `nexus_counted`.
    /// - Returns: the blocks of memory that it has asked for.
    func count(_ work: @escaping () throws -> Void) throws -> UInt64 {
        // What is made once is not counted.
        try unary(50)
        try streams(5, events: 20)
        let piece = Work(work)
        let before = nexus_allocations()
        nexus_counted({ Work.run($0) }, Unmanaged.passUnretained(piece).toOpaque())
        let count = nexus_allocations() - before
        if let error = piece.error { throw error }
        guard gateway.recorded == requests else {
            throw Wrong(description: "\(gateway.recorded) of \(requests) requests have a record")
        }
        return count
    }

    /// Carries a closure through C, and an error back.
    private final class Work {
        private let work: () throws -> Void
        private(set) var error: (any Error)?
        init(_ work: @escaping () throws -> Void) { self.work = work }

        /// - Parameter pointer: of a `Work` that lives for as long as the call.
        static func run(_ pointer: UnsafeMutableRawPointer?) {
            guard let pointer else { return }
            let work = Unmanaged<Work>.fromOpaque(pointer).takeUnretainedValue()
            do { try work.work() } catch { work.error = error }
        }
    }

    // MARK: Work

    /// Requests one after another, each answered whole.
    func unary(_ count: Int) throws {
        for _ in 0..<count {
            let server = try ask(Messages.request)
            try server.writeInbound(Messages.answer)
            try takeHead()
        }
    }

    /// Streams one after another.
    /// - Parameter events: that come one by one between the first one and the last.
    func streams(_ count: Int, events: Int) throws {
        for _ in 0..<count {
            let server = try ask(Messages.streamRequest)
            try server.writeInbound(Messages.streamHead)
            try server.writeInbound(Messages.event)
            try takeHead()
            for _ in 0..<events {
                try server.writeInbound(Messages.event)
                guard try take() > 100 else { throw Wrong(description: "an event does not come at once") }
            }
            try server.writeInbound(Messages.lastEvent)
            try server.writeInbound(Messages.streamEnd)
            guard try take() > 100 else { throw Wrong(description: "a stream does not end") }
        }
    }

    /// Sends a request; the server that has got it.
    private func ask(_ request: ByteBuffer) throws -> EmbeddedChannel {
        requests += 1
        try client.writeInbound(request)
        loop.run()
        guard let server = try servers.asked() else { throw Wrong(description: "no server was asked") }
        return server
    }

    /// Takes an answer that succeeds, as far as it has come.
    private func takeHead() throws {
        loop.run()
        guard let first = try client.readOutbound(as: ByteBuffer.self),
            first.getString(at: first.readerIndex, length: 12) == "HTTP/1.1 200"
        else { throw Wrong(description: "a request does not succeed") }
        _ = try take()
    }

    /// Takes what has come; how many bytes that are.
    private func take() throws -> Int {
        loop.run()
        var count = 0
        while let bytes = try client.readOutbound(as: ByteBuffer.self) { count += bytes.readableBytes }
        return count
    }
}
