import Core
import JSON

/// A scripted subscriber of `/ws`. It knows what it must be told, and tells the oracle's `Audience` what is wrong with what it gets.
final class Subscriber {
    enum Habit {
        /// Takes what comes, and answers pings.
        case patient
        /// Goes away, with a close frame, in order without one, or with a reset.
        case leaves, vanishes, resets
        /// Its machine is gone: there is no end, and no pong.
        case goesSilent
        /// Sends what no client may send.
        case sendsGarbage(Garbage)
        /// Sends much that means nothing: messages, commands, pings.
        case floods
        /// Takes nothing for a while.
        case readsNothing
        /// Its request cannot become a WebSocket.
        case asksWrongly
    }

    /// What breaks the protocol, and the code that says so (RFC 6455, section 7.4.1).
    enum Garbage: CaseIterable {
        case unmasked, reservedBit, unknownKind, strayContinuation, tooLarge, badCloseCode

        var code: UInt16 { self == .tooLarge ? 1009 : 1002 }

        func bytes(key: UInt32) -> [UInt8] {
            switch self {
            case .unmasked: [0x81, 0x02, 0x68, 0x69]
            case .reservedBit: [0xC1, 0x80, 0, 0, 0, 0]
            case .unknownKind: [0x83, 0x80, 0, 0, 0, 0]
            case .strayContinuation: FrameReader.masked(0x0, [1], key: key)
            case .tooLarge: [0x82, 0xFF, 0, 0, 0, 0, 0x10, 0, 0, 0]
            case .badCloseCode: FrameReader.masked(0x8, [0x03, 0xEE], key: key)
            }
        }
    }

    /// What it asks for.
    struct Wish {
        var deltas = false
        /// The newest entry that it has, and the gateway that numbered it; nil: it has none.
        var after: (sequence: UInt64, instance: String)?

        var query: String {
            var parts: [String] = deltas ? ["updates=deltas"] : []
            if let after { parts += ["after=\(after.sequence)", "instance=\(after.instance)"] }
            return parts.isEmpty ? "" : "?" + parts.joined(separator: "&")
        }
    }

    /// Of a key of 16 zeros (section 4.2.2).
    private static let (key, accept) = ("AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI=")

    let number: Int
    let wish: Wish
    let habit: Habit
    let isSlow: Bool
    private let delay: UInt64
    private let loop: VirtualLoop
    private let wire: Wire
    private unowned let audience: Audience
    private var random: SeededRandom
    private var head: [UInt8] = []
    private var isUpgraded = false
    private var frames = FrameReader()
    private var messages = 0
    /// Entries that there were when it asked, and when it was answered.
    private let askedAt: UInt64
    private var answeredAt: UInt64 = 0
    /// The number of the entry that must come next; nil: none has come.
    private var next: UInt64?
    private(set) var instance: String?
    /// How the backends stand, as it was told.
    private(set) var statuses: [String: String] = [:]
    private var lastPing: [UInt8]?
    private var lastPong: [UInt8]?
    private(set) var closeCode: UInt16?
    private var (saidGoodbye, hasSentGarbage) = (false, false)
    /// Nothing of it is of interest any more.
    private(set) var isOver = false
    private(set) var isSilent = false
    private var isReadingNothing = false
    /// That it goes away does not reach the gateway.
    var endIsLost = false

    init(
        _ number: Int, wish: Wish, habit: Habit, delay: UInt64, pace: (Int, UInt64)?, wire: Wire, loop: VirtualLoop,
        audience: Audience, entries: UInt64, seed: UInt64
    ) {
        self.number = number
        self.wish = wish
        self.habit = habit
        self.delay = delay
        isSlow = pace != nil
        self.wire = wire
        self.loop = loop
        self.audience = audience
        askedAt = entries
        random = SeededRandom(seed: seed)
        wire.pace = pace.map { (bytes: $0.0, pause: $0.1) }
        wire.onBytes = { [weak self] in self?.take($0) }
        wire.onEnd = { [weak self] in self?.ended() }
        wire.onReset = { [weak self] in self?.ended() }
    }

    func start() {
        var version = "13"
        if case .asksWrongly = habit { version = "12" }
        wire.send(
            "GET /ws\(wish.query) HTTP/1.1\r\nhost: gateway\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
                + "sec-websocket-key: \(Self.key)\r\nsec-websocket-version: \(version)\r\n\r\n")
        loop.after(delay) { [self] in if !isOver { act() } }
        chat()
    }

    private func act() {
        switch habit {
        case .patient, .asksWrongly, .floods: break
        case .leaves: leave()
        case .vanishes: gone("ends its connection") { $0.close() }
        case .resets: gone("resets its connection") { $0.reset() }
        case .goesSilent:
            audience.note("subscriber \(number) goes silent")
            isSilent = true
            isOver = true
            wire.setReading(false)
            audience.isGone(self, within: Audience.silentSeconds)
        case .sendsGarbage(let garbage):
            audience.note("subscriber \(number) sends garbage: \(garbage)")
            hasSentGarbage = true
            wire.send(garbage.bytes(key: random32))
        case .readsNothing:
            isReadingNothing = true
            wire.setReading(false)
            loop.after(delay * 2) { [self] in recover() }
        }
    }

    private var random32: UInt32 { UInt32.random(in: .min ... .max, using: &random) }

    /// What a client may send at any time: pings, and messages, which mean nothing here.
    private func chat() {
        var isFlooding = false
        if case .floods = habit { isFlooding = true }
        loop.after(UInt64.random(in: 100_000_000...4_000_000_000, using: &random)) { [self] in
            guard !isOver, closeCode == nil, !saidGoodbye, !audience.isCalm else { return }
            guard isUpgraded else { return chat() }
            for _ in 0..<(isFlooding ? 40 : 1) { sayOne(isFlooding ? 1500 : 60) }
            chat()
        }
    }

    private func sayOne(_ size: Int) {
        let payload = Array(#"{"command":"reload","of":"\#(String(repeating: "x", count: size))"}"#.utf8)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: wire.send(FrameReader.masked(0x1, payload, key: random32))
        case 1:
            wire.send(FrameReader.masked(0x2, Array(payload.prefix(20)), isFinal: false, key: random32))
            wire.send(FrameReader.masked(0x0, Array(payload.dropFirst(20)), key: random32))
        default:
            let ping = Array("p\(UInt16.random(in: .min ... .max, using: &random))".utf8)
            lastPing = ping
            wire.send(FrameReader.masked(0x9, ping, key: random32))
        }
    }

    /// Nothing holds it up any more.
    func recover() {
        guard !isSilent, !isOver else { return }
        wire.pace = nil
        isReadingNothing = false
        wire.setReading(true)
    }

    /// Says goodbye, and waits for the answer.
    func leave() {
        guard !isOver, !saidGoodbye else { return }
        guard isUpgraded else { return gone("ends its connection") { $0.close() } }
        audience.note("subscriber \(number) says goodbye")
        saidGoodbye = true
        wire.send(FrameReader.masked(0x8, [0x03, 0xE8], key: random32))
        // One that takes little is read little, and then may be dropped only as silent.
        if !isSlow { audience.isGone(self, within: Audience.closeSeconds) }
    }

    private func gone(_ how: String, _ action: (Wire) -> Void) {
        audience.note("subscriber \(number) \(how)")
        isOver = true
        if !endIsLost { action(wire) }
        audience.isGone(self, within: Oracle.freedSeconds)
        audience.cameBack(self)
    }

    // MARK: What comes

    private func take(_ bytes: [UInt8]) {
        guard !isOver else { return }
        guard !isUpgraded else { return takeFrames(bytes) }
        head += bytes
        guard let end = head.place(of: "\r\n\r\n") else { return }
        let text = String(decoding: head[..<end], as: UTF8.self).lowercased()
        let rest = Array(head[(end + 4)...])
        head = []
        if case .asksWrongly = habit {
            if !text.hasPrefix("http/1.1 426 ") || !text.contains("sec-websocket-version: 13") {
                audience.violation("subscriber \(number) asked for another version, and got: \(text)")
            }
            isOver = true
            audience.sometimes(.upgradeRefused)
            return wire.close()
        }
        guard text.hasPrefix("http/1.1 101 "), text.contains("sec-websocket-accept: \(Self.accept.lowercased())") else {
            audience.violation("subscriber \(number) is answered: \(text)")
            return
        }
        isUpgraded = true
        answeredAt = audience.entries
        if let after = wish.after {
            next = audience.isOurs(after.instance) ? min(after.sequence, answeredAt) + 1 : 1
        }
        takeFrames(rest)
    }

    private func takeFrames(_ bytes: [UInt8]) {
        for frame in frames.feed(bytes) where !isOver {
            switch frame {
            case .text(let message): takeMessage(message)
            case .ping(let data): if closeCode == nil { wire.send(FrameReader.masked(0xA, data, key: random32)) }
            case .pong(let data): lastPong = data
            case .close(let code): closed(code)
            case .broken(let what): audience.violation("rule 6: subscriber \(number) got \(what)")
            }
        }
    }

    private func closed(_ code: UInt16?) {
        closeCode = code ?? 1005
        audience.note("subscriber \(number) is told to close: \(closeCode ?? 0)")
        switch habit {
        case .sendsGarbage(let garbage) where code == garbage.code: audience.sometimes(.garbageRefused)
        case _ where saidGoodbye && code == 1000: audience.sometimes(.goodbyeAnswered)
        case _ where code == 1001 && audience.isDraining: audience.sometimes(.subscriberToldToGo)
        default: audience.violation("subscriber \(number) is closed with \(closeCode ?? 0) for nothing")
        }
        isOver = true
        wire.close()
        if !saidGoodbye { audience.cameBack(self) }
    }

    private func ended() {
        guard !isOver else { return }
        isOver = true
        audience.note("subscriber \(number): the connection has ended")
        wire.close()
        // What was sent and not read becomes a reset, which may overtake the frame that says goodbye.
        let isExcused = isSlow || isReadingNothing || saidGoodbye || hasSentGarbage || audience.isDraining
        if closeCode == nil, !isExcused {
            audience.violation("rule 2: subscriber \(number) is cut off without a word")
        }
        audience.cameBack(self)
    }

    // MARK: Updates

    private func takeMessage(_ message: [UInt8]) {
        messages += 1
        audience.check(message)
        if message.count > 10_240 {
            audience.violation("rule 4: subscriber \(number) got a message of \(message.count) bytes")
        }
        // To parse all of them would take most of a run's time.
        if messages % 8 == 1, (try? JSONValue.parse(message)) == nil {
            audience.violation("rule 6: subscriber \(number) got no JSON: \(String(decoding: message, as: UTF8.self))")
        }
        if message.place(of: #"{"update_type":"BackendStatus","data":["#) == 0 { return takeStatus(message) }
        if messages == 1 { audience.violation("subscriber \(number) is not told at first how all stands") }
        if message.place(of: #"{"update_type":"RequestComplete","data":{"#) == 0 { return takeEntry(message) }
        if message.place(of: #"{"update_type":"ModelChange","data":{"#) != 0 {
            audience.violation("subscriber \(number) got: \(String(decoding: message, as: UTF8.self))")
        }
    }

    private func takeStatus(_ message: [UInt8]) {
        // Only backends have names of these kinds.
        let ids = message.parts(after: #"{"id":""#).filter { $0.hasPrefix("b") || $0.hasPrefix("openai-") }
        let told = message.parts(after: #""status":""#)
        guard ids.count == told.count else {
            return audience.violation("subscriber \(number) got: \(String(decoding: message, as: UTF8.self))")
        }
        if !wish.deltas || messages == 1 {
            statuses = [:]
            if let all = audience.fleet, Set(all) != Set(ids) {
                audience.violation("subscriber \(number) is told of \(ids), and there are \(all)")
            }
        }
        for (id, status) in zip(ids, told) { statuses[id] = status }
        if message.has(#""removed":true"#), let id = ids.first {
            statuses[id] = nil
            audience.sometimes(.removalTold)
        }
    }

    private func takeEntry(_ message: [UInt8]) {
        guard let sequence = message.parts(after: #""seq":"#, until: ",").first.flatMap({ UInt64($0) }) else {
            return audience.violation("subscriber \(number) got an entry without a number")
        }
        instance = message.parts(after: #""instance_id":""#).first
        // None of a run's entries is too old to be told, so none may be missing.
        if let next, sequence != next {
            audience.violation("subscriber \(number) got entry \(sequence), and \(next) was to come")
        } else if next == nil, !(askedAt + 1...answeredAt + 1).contains(sequence) {
            audience.violation(
                "subscriber \(number) got entry \(sequence), and there were \(askedAt) when it asked, \(answeredAt) then"
            )
        }
        if wish.after != nil, sequence == next, sequence <= answeredAt { audience.sometimes(.missedTold) }
        next = sequence + 1
        audience.note("subscriber \(number) is told of entry \(sequence)")
    }

    /// The newest entry that it has; nil: none.
    var newest: UInt64? { next.map { $0 - 1 } }

    // MARK: The end

    /// What it has not been told yet though nothing holds it up; nil: it is told all.
    func missing(entries: UInt64, statuses: [String: String]) -> String? {
        guard !isOver else { return nil }
        guard isUpgraded else { return "it has no answer" }
        let told = next.map { $0 - 1 } ?? answeredAt
        // What a client has that has not come from here is its own affair.
        if told < entries { return "entries behind \(told), of \(entries)" }
        if self.statuses != statuses { return "backends are \(statuses), and it was told \(self.statuses)" }
        if let lastPing, lastPong != lastPing { return "its ping is not answered" }
        return nil
    }
}
