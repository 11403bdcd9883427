import Glibc
import NIOCore

/// A channel of NIO's over one side of a virtual connection. It behaves as NIO's channels of sockets do where the gateway can tell:
/// reads only when asked, some at a time; half closed connections; back pressure with water marks; what comes before an end of
/// input is read even if nobody has asked; a reset.
///
/// Invariant behind the unchecked Sendable: it is used on its loop alone.
final class VirtualChannel: Channel, ChannelCore, FlowEnd, @unchecked Sendable {
    private let loop: VirtualLoop
    private let plug: Plug
    private(set) lazy var pipeline = ChannelPipeline(channel: self)
    private let closePromise: EventLoopPromise<Void>
    private(set) var isActive = false
    private(set) var isOpen = true
    private(set) var isWritable = true
    private var marks = ChannelOptions.Types.WriteBufferWaterMark(low: 32 * 1024, high: 64 * 1024)
    private var autoRead = true
    private var allowsHalfClosure: Bool
    private var messagesPerRead = 4
    private let readSize: Int
    private var readPending = false
    private var isReadScheduled = false
    private var inputIsClosed = false
    private var outputEnds: EventLoopPromise<Void>?
    private var isOutputClosing = false
    private var isFlushing = false
    private var pending: [(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)] = []
    private var flushed = 0
    /// Bytes that were written and that the network has not taken.
    private(set) var waiting = 0
    /// How often it was not writable.
    private(set) var fills = 0

    init(_ loop: VirtualLoop, _ plug: Plug, allowsHalfClosure: Bool, readSize: Int) {
        self.loop = loop
        self.plug = plug
        self.allowsHalfClosure = allowsHalfClosure
        self.readSize = readSize
        closePromise = loop.makePromise()
        plug.attach(self)
    }

    /// To be called once its handlers are there.
    func becomeActive(_ connected: EventLoopPromise<any Channel>? = nil) {
        pipeline.fireChannelRegistered()
        isActive = true
        connected?.succeed(self)
        guard isOpen else { return }
        pipeline.fireChannelActive()
        readIfWanted()
    }

    // MARK: Channel

    var eventLoop: any EventLoop { loop }
    var allocator: ByteBufferAllocator { ByteBufferAllocator() }
    var closeFuture: EventLoopFuture<Void> { closePromise.futureResult }
    var localAddress: SocketAddress? { nil }
    /// TLS compares it with the server's certificate.
    var remoteAddress: SocketAddress?
    var parent: (any Channel)? { nil }
    var _channelCore: any ChannelCore { self }
    var syncOptions: (any NIOSynchronousChannelOptions)? { Options(channel: self) }

    func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> {
        set(option, value)
        return loop.makeSucceededVoidFuture()
    }

    func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        loop.makeCompletedFuture { try get(option) }
    }

    private struct Options: NIOSynchronousChannelOptions {
        let channel: VirtualChannel
        func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) throws {
            channel.set(option, value)
        }
        func getOption<Option: ChannelOption>(_ option: Option) throws -> Option.Value { try channel.get(option) }
    }

    private func set<Option: ChannelOption>(_ option: Option, _ value: Option.Value) {
        switch (option, value) {
        case (is ChannelOptions.Types.AutoReadOption, let value as Bool):
            let before = autoRead
            autoRead = value
            if value, !before { pipeline.read() }
            if !value { readPending = false }
        case (is ChannelOptions.Types.AllowRemoteHalfClosureOption, let value as Bool): allowsHalfClosure = value
        case (is ChannelOptions.Types.MaxMessagesPerReadOption, let value as UInt): messagesPerRead = Int(value)
        case (
            is ChannelOptions.Types.WriteBufferWaterMarkOption, let value as ChannelOptions.Types.WriteBufferWaterMark
        ):
            marks = value
        default: break
        }
    }

    private func get<Option: ChannelOption>(_ option: Option) throws -> Option.Value {
        let value: Any? =
            switch option {
            case is ChannelOptions.Types.AutoReadOption: autoRead
            case is ChannelOptions.Types.AllowRemoteHalfClosureOption: allowsHalfClosure
            case is ChannelOptions.Types.MaxMessagesPerReadOption: UInt(messagesPerRead)
            case is ChannelOptions.Types.BufferedWritableBytesOption: waiting
            case is ChannelOptions.Types.WriteBufferWaterMarkOption: marks
            default: nil
            }
        guard let value = value as? Option.Value else { throw ChannelError.operationUnsupported }
        return value
    }

    // MARK: Reading

    func read0() {
        guard isOpen else { return }
        readPending = true
        if plug.available > 0 || plug.isAtEnd { scheduleRead() }
    }

    private func readIfWanted() {
        if isOpen, autoRead, !readPending { pipeline.read() }
    }

    func flowReadable() { if readPending { scheduleRead() } }

    /// The end of the input is seen, and all before it read, whether anybody reads or not.
    func flowEnded() { scheduleRead() }

    private func scheduleRead() {
        guard !isReadScheduled else { return }
        isReadScheduled = true
        loop.soon { [self] in
            isReadScheduled = false
            readNow()
        }
    }

    private func readNow() {
        guard isOpen, isActive, !inputIsClosed, readPending || plug.hasEnded else { return }
        var left = plug.hasEnded ? Int.max : messagesPerRead
        var hasRead = false
        while left > 0, isOpen, let bytes = plug.read(atMost: readSize) {
            left -= 1
            readPending = false
            hasRead = true
            let isFull = bytes.readableBytes == readSize
            pipeline.fireChannelRead(bytes)
            if !isFull, !plug.hasEnded { break }
        }
        guard isOpen else { return }
        if plug.isAtEnd { return endInput(hasRead) }
        if hasRead { pipeline.fireChannelReadComplete() }
        readIfWanted()
        if isOpen, readPending, plug.available > 0 { scheduleRead() }
    }

    private func endInput(_ hasRead: Bool) {
        readPending = false
        guard allowsHalfClosure, !isOutputClosing else {
            if hasRead { pipeline.fireChannelReadComplete() }
            return close0(error: ChannelError.eof, mode: .all, promise: nil)
        }
        inputIsClosed = true
        pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        if isOpen { pipeline.fireChannelReadComplete() }
    }

    func flowReset() {
        loop.soon { [self] in
            guard isOpen else { return }
            let error = IOError(errnoCode: ECONNRESET, reason: "read")
            if readPending { pipeline.fireErrorCaught(error) }
            close0(error: error, mode: .all, promise: nil)
        }
    }

    // MARK: Writing

    func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard isOpen, !isOutputClosing else {
            promise?.fail(isOpen ? ChannelError.outputClosed : ChannelError.ioOnClosedChannel)
            return
        }
        let bytes = unwrapData(data, as: ByteBuffer.self)
        pending.append((bytes, promise))
        waiting += bytes.readableBytes
        if waiting > marks.high, isWritable {
            isWritable = false
            fills += 1
            pipeline.fireChannelWritabilityChanged()
        }
    }

    func flush0() {
        guard isOpen else { return }
        flushed = pending.count
        flushNow()
    }

    func flowWritable() { loop.soon { [self] in flushNow() } }

    private func flushNow() {
        guard isOpen, isActive, !isFlushing else { return }
        isFlushing = true
        defer { isFlushing = false }
        while isOpen, flushed > 0 {
            let taken = plug.write(&pending[0].bytes)
            waiting -= taken
            guard pending[0].bytes.readableBytes == 0 else { break }
            let promise = pending.removeFirst().promise
            flushed -= 1
            promise?.succeed(())
            if isOpen { tellRoom() }
        }
        if isOpen { tellRoom() }
        if isOpen, isOutputClosing, pending.isEmpty { endOutput() }
    }

    private func tellRoom() {
        guard !isWritable, waiting < marks.low else { return }
        isWritable = true
        pipeline.fireChannelWritabilityChanged()
    }

    private func endOutput() {
        guard let promise = outputEnds else { return }
        outputEnds = nil
        plug.finish()
        promise.succeed(())
        pipeline.fireUserInboundEventTriggered(ChannelEvent.outputClosed)
    }

    // MARK: Closing

    func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard isOpen else {
            promise?.fail(ChannelError.alreadyClosed)
            return
        }
        switch mode {
        case .output where inputIsClosed: close0(error: error, mode: .all, promise: promise)
        case .output:
            guard !isOutputClosing else {
                promise?.fail(ChannelError.outputClosed)
                return
            }
            isOutputClosing = true
            flushed = pending.count
            let ended = loop.makePromise(of: Void.self)
            if let promise { ended.futureResult.cascade(to: promise) }
            outputEnds = ended
            flushNow()
        case .input:
            inputIsClosed = true
            promise?.succeed(())
        case .all: closeAll(error, promise)
        }
    }

    private func closeAll(_ error: any Error, _ promise: EventLoopPromise<Void>?) {
        isOpen = false
        let wasActive = isActive
        isActive = false
        let lost = pending
        pending = []
        (flushed, waiting) = (0, 0)
        plug.close()
        for write in lost { write.promise?.fail(error) }
        outputEnds?.fail(error)
        outputEnds = nil
        promise?.succeed(())
        if wasActive { pipeline.fireChannelInactive() }
        pipeline.fireChannelUnregistered()
        loop.soon { [self] in
            removeHandlers(pipeline: pipeline)
            closePromise.succeed(())
        }
    }

    // MARK: What is not needed

    func localAddress0() throws -> SocketAddress { throw ChannelError.operationUnsupported }
    func remoteAddress0() throws -> SocketAddress { throw ChannelError.operationUnsupported }
    func register0(promise: EventLoopPromise<Void>?) { promise?.succeed(()) }
    func registerAlreadyConfigured0(promise: EventLoopPromise<Void>?) { promise?.succeed(()) }
    func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) { promise?.fail(ChannelError.operationUnsupported) }
    func connect0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }
    func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) { promise?.succeed(()) }
    func channelRead0(_ data: NIOAny) {}
    func errorCaught0(error: any Error) {}
}
