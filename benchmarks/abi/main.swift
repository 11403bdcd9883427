// Times what crosses the ABI, in nanoseconds: `abi-benchmark ADAPTER.so`, which benchmarks/abi.sh builds and calls.
import AdapterHost
import Core
import Glibc
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Upstream

/// Takes an answer and forgets it.
private final class Sink: AttemptSink {
    let requestBody = ByteBuffer(string: "{}")
    var text = ""
    var bytes = 0
    var attemptIsOverfull: Bool { false }

    func attemptBegan(_ head: AttemptHead) -> Bool { true }
    func attemptWrote(_ piece: ByteBuffer) -> AttemptReply {
        bytes += piece.readableBytes
        if bytes < 1000 { text += String(buffer: piece) }
        return .taken
    }
    func attemptFlush() {}
    func attemptFinished(_ outcome: ExchangeOutcome) -> AttemptReply { .taken }
    func attemptFailed(_ failure: ExchangeFailure) {}
}

private func nanoseconds() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}

private func submitted(_ model: String) -> SubmittedRequest {
    SubmittedRequest(
        kind: .chat, model: model, requestID: "r", path: "/v1/chat/completions", stream: true, includeUsage: false,
        tools: false, images: false)
}

private func run(_ path: String) async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    // Accepts, and never answers: the pieces come from here.
    let server = try await ServerBootstrap(group: loop).bind(host: "127.0.0.1", port: 0).get()
    let services = try await loop.submit {
        let services = LoopServices(loop: loop) { try NIOSSLContext(configuration: .makeClientConfiguration()) }
        services.bindToThread()
        return NIOLoopBound(services, eventLoop: loop)
    }.get()
    let registry = Registry(failureThreshold: 1, recoveryThreshold: 1, broadcaster: Broadcaster()) { _ in }
    let identity = BackendIdentity(id: "thin", name: "thin", url: "http://127.0.0.1", backendType: "thin", priority: 1)
    let backend = try await AdapterBackend.make(
        identity: identity, image: AdapterImage(path: path),
        target: UpstreamTarget(host: "127.0.0.1", port: server.localAddress?.port ?? 0, isTLS: false, basePath: ""),
        apiKeys: [], options: "{}", registry: registry, logger: Logger(label: "bench"))
    _ = registry.add(identity, driver: backend)

    let calls = try await loop.submit {
        let sink = Sink()
        _ = backend.submit(submitted("calls"), sink: sink, on: services.eventLoop, deadline: .distantFuture)
        return sink.text
    }.get()
    print("calls \(calls)")

    try await loop.submit {
        let sink = Sink()
        _ = backend.submit(submitted("bench"), sink: sink, on: services.eventLoop, deadline: .distantFuture)
        guard let call = services.value.callsUnderWay.first else { return print("the adapter has started no request") }
        let turns = 1_000_000
        for size in [64, 1024, 16384] {
            let piece = ByteBuffer(repeating: 0x20, count: size)
            let begin = nanoseconds()
            for _ in 0..<turns { call.upstreamBody(piece) }
            let each = Double(nanoseconds() - begin) / Double(turns)
            print("chunk \(size) \((each * 10).rounded() / 10)")
        }
    }.get()
    exit(0)
}

guard CommandLine.arguments.count == 2 else {
    print("usage: abi-benchmark ADAPTER.so")
    exit(2)
}
try await run(CommandLine.arguments[1])
