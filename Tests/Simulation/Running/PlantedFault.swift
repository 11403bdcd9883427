import Core
import NIOCore

/// A fault of the gateway that is put into a run on purpose, to see whether the oracle finds it. None is in the gateway itself: they
/// stand between it and its clients, or beside it.
public enum PlantedFault: String, CaseIterable, Sendable {
    /// An exchange is recorded twice.
    case secondRecord
    /// A place at a backend is never given back.
    case lostPlace
    /// A stream that broke off ends as if it were whole.
    case falseEnd
    /// The head of an answer is sent before anybody knows what comes.
    case earlyHead
    /// An answer ends in the middle without a word.
    case silentCut
    /// Nobody notices that a client has gone.
    case unnoticedEnd
    /// What a client does not take piles up.
    case noBackPressure
    /// What a client sent wrong counts against a backend.
    case wrongBlame
    /// The gateway does not know what is a key, and tells it.
    case toldKey
    /// Durations are taken from a clock that somebody sets.
    case durationOfWallClock
    /// A byte of an answer is another one.
    case wrongByte
    /// A field of an answer has a name that is none.
    case brokenHead
    /// What a server says becomes markup of the page.
    case markup
    /// A breaker opens though its server did nothing wrong.
    case wrongOpening
    /// A breaker that is half open lets more through than it may.
    case manyTrials
    /// Retries are not bounded.
    case unboundRetries
    /// A backend is held to be down though its server did nothing wrong.
    case wrongHealth
    /// A call that an adapter makes behind the end of its exchange is taken.
    case lateCallTaken
    /// What an instance reports that is gone counts.
    case lateReportTaken
    /// An instance that was replaced is never destroyed.
    case keptInstance
    /// A message to a subscriber is no JSON.
    case brokenUpdate
    /// A subscriber's ping is answered with a ping.
    case swallowedPong
    /// A subscriber is told that a backend stands as it does not.
    case wrongStatus
    /// A subscriber is told of an entry under another number.
    case wrongSequence
    /// What a subscriber does not take piles up.
    case floodedSubscriber
    /// Nobody notices that a subscriber has gone.
    case keptSubscriber
    /// Subscribers' connections are not closed when the gateway ends.
    case heldUpEnd
    /// All clients are held to be one.
    case oneClient
    /// High priority is taken for low.
    case mistakenPriority
    /// More is under way than the operator allows.
    case tooManyPlaces
    /// More wait than the operator allows.
    case longQueue
    /// A request waits for longer than the operator allows.
    case longWait
    /// A request that waits is not woken.
    case lostWakeUp
    /// The queue does not know somebody who waits.
    case forgottenWaiter
    /// A place of all models together is never given back.
    case lostSharedPlace
    /// A queue that is full is told as the client's fault.
    case wrongRefusal
    /// A name stands for something else than the operator has said.
    case falseName
    /// Nobody sees that a request has an image.
    case hiddenImage
    /// A second backend is asked though the operator has not said so.
    case forbiddenHedge
    /// A record names the backend that was too slow.
    case wrongWinner
    /// A backend that was drained goes on serving.
    case ignoredDrain
    /// What a backend has under way goes on, though it was to end at once.
    case keptDespiteNow

    /// It shows where second backends are asked.
    var isOfHedging: Bool { self == .forbiddenHedge || self == .wrongWinner }

    /// It shows where many wait.
    var isOfTheQueue: Bool {
        switch self {
        case .oneClient, .mistakenPriority, .tooManyPlaces, .longQueue, .longWait, .lostWakeUp, .forgottenWaiter,
            .lostSharedPlace, .wrongRefusal:
            true
        default: false
        }
    }

    /// What the oracle may say of it.
    public var words: [String] {
        switch self {
        case .secondRecord, .lostPlace, .lateCallTaken, .keptInstance: ["rule 1"]
        case .falseEnd, .silentCut: ["rule 2"]
        case .earlyHead: ["rule 2", "answered as nothing"]
        // Its place is still taken, which shows first.
        case .unnoticedEnd: ["rule 3", "rule 1"]
        case .keptSubscriber: ["rule 3"]
        case .noBackPressure, .floodedSubscriber: ["rule 4"]
        case .wrongBlame, .wrongHealth, .lateReportTaken: ["rule 5"]
        case .wrongOpening, .manyTrials: ["rule 9"]
        case .unboundRetries: ["rule 10"]
        case .brokenHead, .markup, .brokenUpdate: ["rule 6"]
        case .oneClient: ["is served twice"]
        case .mistakenPriority: ["of a higher priority waits"]
        case .tooManyPlaces: ["are under way, and"]
        case .longQueue: ["requests wait, and"]
        case .longWait: ["waits for longer"]
        // Somebody else may be served in its place first.
        case .lostWakeUp: ["and there is a place for it", "of a higher priority waits", "is served twice"]
        case .forgottenWaiter: ["stand in the queue", "are counted as served"]
        case .lostSharedPlace: ["exchanges have one"]
        case .wrongRefusal: ["and status 429"]
        case .falseName: ["rule 12"]
        case .hiddenImage: ["rule 13"]
        case .forbiddenHedge, .wrongWinner: ["rule 14"]
        case .ignoredDrain, .keptDespiteNow: ["rule 15"]
        case .swallowedPong: ["ping is not answered"]
        case .wrongStatus: ["it was told"]
        case .wrongSequence: ["got entry"]
        case .heldUpEnd: ["held up"]
        case .toldKey: ["rule 7"]
        // What is measured against a limit is over too soon, or too late, as well.
        case .durationOfWallClock: ["rule 8", "rule 5"]
        case .wrongByte: ["wrong", "false [DONE]"]
        }
    }

    /// What makes it show.
    public var faults: [Fault] {
        switch self {
        case .secondRecord, .lostPlace, .earlyHead, .silentCut, .wrongBlame, .wrongByte, .wrongHealth, .brokenHead,
            .wrongOpening, .wrongSequence, .floodedSubscriber, .brokenUpdate, .swallowedPong, .wrongStatus,
            .oneClient, .mistakenPriority, .tooManyPlaces, .longQueue, .longWait, .lostWakeUp, .forgottenWaiter,
            .lostSharedPlace, .falseName, .hiddenImage, .forbiddenHedge, .wrongWinner:
            []
        case .ignoredDrain: [.commands]
        // Such as take longer than that.
        case .keptDespiteNow: [.commands, .stallBeforeHead, .stallBetweenPieces]
        // Nobody is refused where nothing goes wrong.
        case .wrongRefusal: [.relabelBackend]
        case .manyTrials, .unboundRetries: [.internalError, .resetBeforeHead, .refuseConnection]
        case .lateReportTaken: [.lateReports, .replaceServer, .renewInstance, .removeBackend]
        case .keptInstance: [.replaceServer, .renewInstance]
        case .markup: [.probeFails]
        case .lateCallTaken: [.strayCalls]
        case .keptSubscriber: [.subscriberVanishes]
        case .heldUpEnd: [.shutDown]
        case .falseEnd: [.dieAfterPieces, .errorEvent]
        case .unnoticedEnd: [.vanish, .vanishOrderly, .stallBeforeHead, .stallBetweenPieces]
        case .noBackPressure: [.readNothing, .readSlowly]
        case .toldKey: [.internalError]
        case .durationOfWallClock: [.setClock]
        }
    }
}

/// Stands between the gateway and one client, and does what the gateway should not.
final class Saboteur: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let fault: PlantedFault
    private var writes = 0
    private var updates = 0
    private var isToldToGo = false

    init(_ fault: PlantedFault) { self.fault = fault }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if fault == .earlyHead, Array(unwrapInboundIn(data).readableBytesView).has("POST ") {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: head)), promise: nil)
        }
        switch fault {
        case .oneClient: context.fireChannelRead(change(data, "Bearer client-", 14, to: "0"))
        case .mistakenPriority: context.fireChannelRead(change(data, "x-nexus-priority: high", 18, to: "low "))
        case .hiddenImage: context.fireChannelRead(change(data, #""image_url","image_url":"#, 13, to: "imago_url"))
        default: context.fireChannelRead(data)
        }
    }

    /// With other bytes at a place behind the start of each such text.
    private func change(_ data: NIOAny, _ text: StaticString, _ offset: Int, to bytes: StaticString) -> NIOAny {
        var changed = Array(unwrapInboundIn(data).readableBytesView)
        var start = 0
        while let place = changed.place(of: text, from: start) {
            start = place + 1
            let first = place + offset
            guard first + bytes.utf8CodeUnitCount <= changed.count else { break }
            let new = UnsafeBufferPointer(start: bytes.utf8Start, count: bytes.utf8CodeUnitCount)
            changed.replaceSubrange(first..<first + new.count, with: new)
        }
        return NIOAny(ByteBuffer(bytes: changed))
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if fault != .noBackPressure || context.channel.isWritable { context.fireChannelWritabilityChanged() }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let bytes = Array(unwrapOutboundIn(data).readableBytesView)
        writes += 1
        // The code of a close frame.
        if bytes.suffix(2) == [0x03, 0xE9] { isToldToGo = true }
        switch fault {
        case .silentCut where bytes.has(".1:") && bytes.has("data: "):
            context.close(promise: nil)
        case .wrongByte where bytes.has(".1:"):
            var changed = bytes
            if let place = bytes.place(of: ".1:") { changed[place + 3] ^= 1 }
            context.write(wrapOutboundOut(ByteBuffer(bytes: changed)), promise: promise)
        case .brokenHead where bytes.has("content-type: "):
            var changed = bytes
            if let place = bytes.place(of: "content-type: ") { changed[place + 7] = UInt8(ascii: " ") }
            context.write(wrapOutboundOut(ByteBuffer(bytes: changed)), promise: promise)
        case .markup where bytes.has("&lt;x-evil&gt;"):
            var changed = bytes
            while let place = changed.place(of: "&lt;x-evil&gt;") {
                changed.replaceSubrange(place..<place + 14, with: Array("<x-evil>      ".utf8))
            }
            context.write(wrapOutboundOut(ByteBuffer(bytes: changed)), promise: promise)
        case .wrongSequence where bytes.has(#""seq":1,"#):
            var changed = bytes
            if let place = bytes.place(of: #""seq":1,"#) { changed[place + 6] = UInt8(ascii: "2") }
            context.write(wrapOutboundOut(ByteBuffer(bytes: changed)), promise: promise)
        case .brokenUpdate where bytes.has(#"{"update_type":"#):
            context.write(wrapOutboundOut(ByteBuffer(bytes: bytes.dropLast() + [UInt8(ascii: ")")])), promise: promise)
        case .swallowedPong where bytes.first == 0x8A:
            context.write(wrapOutboundOut(ByteBuffer(bytes: [0x89] + bytes.dropFirst())), promise: promise)
        case .wrongStatus where bytes.has(#""status":"Healthy""#):
            var changed = bytes
            if let place = bytes.place(of: #""status":"Healthy""#) { changed[place + 10] = UInt8(ascii: "h") }
            context.write(wrapOutboundOut(ByteBuffer(bytes: changed)), promise: promise)
        case .wrongRefusal where bytes.has("queue_full") && bytes.starts(with: Array("HTTP/1.1 503".utf8)):
            let changed = Array("HTTP/1.1 429".utf8) + bytes.dropFirst(12)
            context.write(wrapOutboundOut(ByteBuffer(bytes: changed)), promise: promise)
        case .floodedSubscriber where bytes.has("update_type"):
            updates += 1
            context.write(data, promise: promise)
            // A pong that nobody has asked for.
            let pong = [0x8A, 0x7F, 0, 0, 0, 0, 0, 8, 0, 0] + [UInt8](repeating: 0, count: 512 * 1024)
            if updates == 3 { context.write(wrapOutboundOut(ByteBuffer(bytes: pong)), promise: nil) }
        case .falseEnd where bytes.has(#"data: {"error""#):
            context.write(wrapOutboundOut(ByteBuffer(bytes: Self.falseEnd(bytes))), promise: promise)
        default: context.write(data, promise: promise)
        }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if fault == .heldUpEnd, isToldToGo { return }
        context.close(mode: mode, promise: promise)
    }

    /// The same number of bytes, with the mark in the place of the error.
    private static func falseEnd(_ bytes: [UInt8]) -> [UInt8] {
        guard let start = bytes.place(of: #"data: {"error""#), let end = bytes.place(of: "\n\n", from: start) else {
            return bytes
        }
        let mark = Array("data: [DONE]\n\n:".utf8)
        let filler = [UInt8](repeating: UInt8(ascii: "x"), count: max(0, end - start - mark.count))
        return bytes[..<start] + mark + filler + bytes[end...]
    }
}
