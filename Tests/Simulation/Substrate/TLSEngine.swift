import NIOCore
import NIOEmbedded
import NIOSSL

/// The server's side of TLS, between the bytes of a connection and what they mean.
final class TLSEngine {
    private let channel: EmbeddedChannel
    /// It cannot go on.
    private(set) var isOver = false

    init(_ context: NIOSSLContext) throws {
        channel = EmbeddedChannel(handler: NIOSSLServerHandler(context: context))
        channel.connect(to: try SocketAddress(ipAddress: "10.0.0.2", port: 1), promise: nil)
    }

    /// Takes what has come from the client, and gives what it means.
    func open(_ bytes: ByteBuffer) -> [UInt8] {
        do { try channel.writeInbound(bytes) } catch { isOver = true }
        if !channel.isActive { isOver = true }
        var plain: [UInt8] = []
        while let piece = try? channel.readInbound(as: ByteBuffer.self) { plain += piece.readableBytesView }
        return plain
    }

    /// Gives what is to be sent for something.
    func seal(_ bytes: some Sequence<UInt8>) -> ByteBuffer {
        do { try channel.writeOutbound(ByteBuffer(bytes: bytes)) } catch { isOver = true }
        return outgoing()
    }

    /// What is to be sent for what has come.
    func outgoing() -> ByteBuffer {
        var all = ByteBuffer()
        while var piece = try? channel.readOutbound(as: ByteBuffer.self) { all.writeBuffer(&piece) }
        return all
    }

    /// Says goodbye, and gives what is to be sent for that.
    func close() -> ByteBuffer {
        channel.close(promise: nil)
        return outgoing()
    }
}
