import Core

/// A scripted server that speaks OpenAI's API. What it answers is in the request; how it fails is the seed's choice.
final class ModelServer: Listener {
    let name: String
    let host: String
    /// It speaks TLS.
    let isTLS: Bool
    var scheme: String { isTLS ? "https" : "http" }
    /// Connections that have not come to TLS, until faults stop.
    private var halfOpen: [Wire] = []
    let port: Int
    private(set) var models: [String]
    let chaos: Chaos
    private let loop: VirtualLoop
    private let trace: Trace
    private let asks: AskBook
    let rares: Rares
    var random: SeededRandom
    private var connections: [ServerConnection] = []
    /// Faults that the gateway may hold against this server.
    private(set) var blame = 0
    /// Nanoseconds that it thinks, at the most, and that lie between two pieces.
    let thinking: UInt64
    let gap: UInt64
    /// What it tells of its models beside their names, as members of JSON; empty: nothing.
    private let tells: String

    init(
        name: String, port: Int, models: [String], tells: String, chaos: Chaos, loop: VirtualLoop, trace: Trace,
        asks: AskBook,
        rares: Rares, seed: UInt64
    ) {
        self.name = name
        host = "10.0.0.1"
        self.port = port
        self.models = models
        self.tells = tells
        self.chaos = chaos
        self.loop = loop
        self.trace = trace
        self.asks = asks
        self.rares = rares
        random = SeededRandom(seed: seed)
        isTLS = Int.random(in: 0..<10, using: &random) == 0
        thinking = [1_000, 10_000_000, 500_000_000, 3_000_000_000].randomElement(using: &random) ?? 0
        gap = [0, 1_000_000, 50_000_000, 300_000_000].randomElement(using: &random) ?? 0
    }

    func strikes(_ fault: Fault) -> Bool {
        guard chaos.strikes(fault) else { return false }
        note(fault)
        return true
    }

    func first(of faults: [Fault]) -> Fault? {
        guard let fault = chaos.first(of: faults) else { return nil }
        note(fault)
        return fault
    }

    private func note(_ fault: Fault) {
        if fault.isOfTheServer { blame += 1 }
        trace.note("\(name): \(fault.rawValue)")
    }

    // MARK: Listener

    func fate() -> ConnectFate {
        if strikes(.refuseConnection) { return .refused }
        if strikes(.stallConnection) { return .stalled }
        return .accepted
    }

    func accept(_ plug: Plug) {
        let wire = Wire(loop, plug)
        guard !strikes(.resetOnAccept) else {
            // Not before the gateway has its end.
            return loop.after(1000) { wire.reset() }
        }
        if isTLS, !shakesHands(wire) { return }
        for connection in connections where connection.isOver { connection.forget() }
        connections.removeAll { $0.isOver }
        connections.append(ServerConnection(self, wire, loop: loop, trace: trace, asks: asks))
    }

    /// False: the connection does not come to TLS.
    private func shakesHands(_ wire: Wire) -> Bool {
        let fault = first(of: Fault.ofHandshakes)
        switch fault {
        case nil, .otherCertificate:
            let context = fault == nil ? Certificates.server : Certificates.other
            wire.tls = try? TLSEngine(context.get())
            return wire.tls != nil
        case .garbageHandshake:
            wire.onBytes = { [weak wire] _ in
                wire?.send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
                wire?.close()
            }
        case .closeInHandshake: wire.onBytes = { [weak wire] _ in wire?.close() }
        default: break
        }
        wire.onEnd = { [weak wire] in wire?.close() }
        halfOpen.removeAll { $0.isOver }
        halfOpen.append(wire)
        return false
    }

    /// Faults stop: what stands still goes on.
    func recover() {
        for wire in halfOpen { wire.close() }
        halfOpen = []
        for connection in connections { connection.recover() }
    }

    /// The run is over.
    func end() {
        for connection in connections { connection.forget() }
        connections = []
    }

    var open: Int { connections.filter { !$0.isOver }.count }

    /// The list of models as it is now.
    var list: String {
        if strikes(.modelsChange), models.count > 1 { models.swapAt(0, 1) }
        let items = models.map { #"{"id":"\#($0)","object":"model","owned_by":"vllm"\#(tells)}"# }.joined(
            separator: ",")
        return #"{"object":"list","data":[\#(items)]}"#
    }
}

/// One connection to a server: answers one request after another.
final class ServerConnection {
    private let server: ModelServer
    private let wire: Wire
    private let loop: VirtualLoop
    private let trace: Trace
    private let asks: AskBook
    private var bytes: [UInt8] = []
    private var isBusy = false
    private var requests = 0
    private var rares: Rares { server.rares }
    /// What is done when faults stop.
    private var onRecovery: (() -> Void)?
    /// Nobody is interested any more.
    private var peerIsGone = false

    var isOver: Bool { wire.isOver }

    init(_ server: ModelServer, _ wire: Wire, loop: VirtualLoop, trace: Trace, asks: AskBook) {
        self.server = server
        self.wire = wire
        self.loop = loop
        self.trace = trace
        self.asks = asks
        wire.onBytes = { [weak self] in self?.take($0) }
        wire.onEnd = { [weak self] in self?.gone() }
        wire.onReset = { [weak self] in self?.gone() }
    }

    private func gone() {
        peerIsGone = true
        wire.close()
    }

    /// Nothing goes on any more.
    func forget() { onRecovery = nil }

    func recover() {
        let action = onRecovery
        onRecovery = nil
        action?()
    }

    // MARK: Requests

    private func take(_ piece: [UInt8]) {
        bytes += piece
        next()
    }

    private func next() {
        guard !isBusy, !wire.isOver, let end = headEnd() else { return }
        let head = String(decoding: bytes[..<end], as: UTF8.self)
        let lines = head.split(separator: "\r\n")
        let length =
            lines.first { $0.hasPrefix("content-length: ") }.flatMap { Int($0.dropFirst("content-length: ".count)) }
            ?? 0
        guard bytes.count >= end + 4 + length else { return }
        let body = Array(bytes[(end + 4)..<(end + 4 + length)])
        bytes.removeFirst(end + 4 + length)
        isBusy = true
        answer(String(lines.first ?? ""), body)
    }

    private func headEnd() -> Int? { bytes.place(of: "\r\n\r\n") }

    private func answer(_ line: String, _ body: [UInt8]) {
        if line.hasPrefix("GET /v1/models ") { return probed() }
        if line.hasPrefix("POST /v1/messages ") { rares.note(.askedInOtherWords) }
        guard line.hasPrefix("POST /v1/chat/completions "), let ask = Ask.read(body) else {
            return reply(404, #"{"error":{"message":"there is nothing at this path"}}"#)
        }
        asks.arrived(ask.number, as: Ask.model(in: body))
        requests += 1
        if requests > 1 { rares.note(.connectionReused) }
        if server.isTLS { rares.note(.overTLS) }
        let thinking = UInt64.random(in: 0...server.thinking, using: &server.random)
        loop.after(thinking) { [self] in if !wire.isOver { complete(ask) } }
    }

    private func probed() {
        switch server.first(of: [.probeFails, .probeStalls, .probeIsGarbage, .probeIsLate]) {
        case .probeFails: reply(500, #"{"error":{"message":"\#(Secret.markup)not now"}}"#)
        case .probeIsLate:
            loop.after(UInt64.random(in: 500_000_000...12_000_000_000, using: &server.random)) { [self] in
                if !wire.isOver { reply(200, server.list) }
            }
        case .probeStalls: onRecovery = { [self] in reply(200, server.list) }
        case .probeIsGarbage: garbage("\u{1}\u{2} this is no HTTP\r\n\r\n")
        default: reply(200, server.list)
        }
    }

    // MARK: Answers

    private func head(_ status: Int, _ type: String, length: Int?) -> String {
        "HTTP/1.1 \(status) X\r\nserver: sim\r\ncontent-type: \(type)\r\n"
            + (length.map { "content-length: \($0)\r\n\r\n" } ?? "transfer-encoding: chunked\r\n\r\n")
    }

    private func reply(_ status: Int, _ body: String, fields: String = "") {
        guard !wire.isOver else { return }
        wire.send(
            "HTTP/1.1 \(status) X\r\nserver: sim\r\n\(fields)content-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n"
                + body)
        done()
    }

    private func done() {
        isBusy = false
        if server.strikes(.closeIdleConnection) { return wire.close() }
        next()
    }

    private func garbage(_ text: String) {
        wire.send(text)
        wire.close()
    }

    private typealias Wanted = (number: Int, pieces: Int, size: Int, stream: Bool)

    private func complete(_ ask: Wanted) {
        let fault = server.first(of: Fault.ofAnswers)
        asks.fault(ask.number, fault)
        switch fault {
        case .resetBeforeHead: wire.reset()
        case .stallBeforeHead: onRecovery = { [self] in send(ask, nil) }
        case .garbageHead: garbage("HTTP/9 what is this\r\n\r\n")
        case .badRequest: reply(400, #"{"error":{"message":"this does not please me","type":"invalid_request_error"}}"#)
        case .notFound: reply(404, #"{"error":{"message":"no such model"}}"#)
        case .tooManyRequests: reply(429, #"{"error":{"message":"too many"}}"#, fields: "retry-after: 2\r\n")
        case .internalError: reply(500, #"{"error":{"message":"\#(Secret.markup)\#(Secret.key) broke"}}"#)
        case .unavailable: reply(503, #"{"error":{"message":"busy"}}"#)
        case .errorWithStalledBody:
            wire.send(head(500, "application/json", length: 1000) + #"{"error":"#)
            onRecovery = { [self] in wire.close() }
        // A whole answer in place of a stream would become one.
        case .tooShort where !ask.stream, .tooLong where !ask.stream:
            sendWrongLength(ask, isShort: fault == .tooShort)
        case .tooShort, .tooLong: send(ask, nil)
        default: send(ask, fault)
        }
    }

    private func sendWrongLength(_ ask: Wanted, isShort: Bool) {
        let body = Ask.whole(ask.number, pieces: ask.pieces, size: ask.size)
        asks.dataSent(ask.number)
        asks.finished(ask.number, whole: !isShort)
        guard isShort else {
            // What is too much can only be taken for the start of another answer.
            wire.send(head(200, "application/json", length: body.utf8.count) + body + "}}and more")
            return done()
        }
        wire.send(head(200, "application/json", length: body.utf8.count + 10) + body)
        wire.close()
    }

    /// Sends the answer in pieces, up to where the fault has it.
    private func send(_ ask: Wanted, _ fault: Fault?) {
        let isChunked = ask.stream || Bool.random(using: &server.random)
        var parts: [String]
        if ask.stream {
            parts = Ask.events(ask.number, pieces: ask.pieces, size: ask.size)
        } else {
            let whole = Array(Ask.whole(ask.number, pieces: ask.pieces, size: ask.size).utf8)
            let middle = whole.count / 2
            parts = [
                String(decoding: whole[..<middle], as: UTF8.self), String(decoding: whole[middle...], as: UTF8.self),
            ]
        }
        let length = parts.reduce(0) { $0 + $1.utf8.count }
        let type = ask.stream ? "text/event-stream" : "application/json"
        let head = head(200, type, length: isChunked ? nil : length)
        if fault == .stallInHead {
            wire.send(String(head.prefix(20)))
            onRecovery = { [self] in
                wire.send(String(head.dropFirst(20)))
                sendPieces(ask, parts[...], isChunked, nil)
            }
            return
        }
        wire.send(head)
        if fault == .stallAfterHead {
            onRecovery = { [self] in sendPieces(ask, parts[...], isChunked, nil) }
            return
        }
        var rest = parts[...]
        var fault = fault
        switch fault {
        case .endWithoutMark where ask.stream: rest = rest.dropLast()
        case .cutWithoutFinish where ask.stream: rest = rest.dropLast(2)
        case .endWithoutMark, .cutWithoutFinish: fault = nil
        default: break
        }
        sendPieces(ask, rest, isChunked, fault, at: Int.random(in: 0..<max(1, parts.count), using: &server.random))
    }

    /// - Parameter at: before which piece the fault strikes.
    private func sendPieces(
        _ ask: Wanted, _ parts: ArraySlice<String>, _ isChunked: Bool, _ fault: Fault?, at place: Int = 0
    ) {
        guard !wire.isOver else { return }
        guard let part = parts.first else {
            if isChunked { wire.send("0\r\n\r\n") }
            asks.finished(ask.number, whole: fault != .cutWithoutFinish)
            return done()
        }
        if parts.startIndex >= place {
            switch fault {
            case .stallBetweenPieces:
                onRecovery = { [self] in sendPieces(ask, parts, isChunked, nil) }
                return
            case .dieAfterPieces: return wire.reset()
            case .closeAfterPieces: return wire.close()
            case .garbageChunk where isChunked: return garbage("zz\r\nno chunk\r\n")
            case .errorEvent where ask.stream:
                wire.send(Ask.chunk("data: {\"error\":{\"message\":\"the model has failed\"}}\n\n") + "0\r\n\r\n")
                return done()
            default: break
            }
        }
        asks.dataSent(ask.number)
        // An answer of a known length is whole with its last byte, and a stream with its mark.
        if parts.count == 1, !isChunked || part.hasPrefix("data: [DONE]") { asks.finished(ask.number, whole: true) }
        let text = isChunked ? Ask.chunk(part) : part
        if fault == .drip {
            drip(Array(text.utf8)[...]) { [self] in sendPieces(ask, parts.dropFirst(), isChunked, fault, at: place) }
            return
        }
        wire.send(text)
        if wire.waiting > 0 { rares.note(.serverWasPaused) }
        let gap = server.gap > 0 ? UInt64.random(in: 0...server.gap, using: &server.random) : 0
        loop.after(gap) { [self] in sendPieces(ask, parts.dropFirst(), isChunked, fault, at: place) }
    }

    /// A few bytes at a time.
    private func drip(_ bytes: ArraySlice<UInt8>, then go: @escaping () -> Void) {
        guard !wire.isOver else { return }
        guard !bytes.isEmpty else { return go() }
        let count = server.chaos.isOver ? bytes.count : min(bytes.count, 1 + bytes.count / 12)
        wire.send(bytes.prefix(count))
        loop.after(150_000_000) { [self] in drip(bytes.dropFirst(count), then: go) }
    }
}

/// What nobody may see.
enum Secret {
    static let key: StaticString = "sk-sim-5f0a81c2"
    /// What must stand in no page as it is.
    static let markup: StaticString = "<x-evil>"
}
