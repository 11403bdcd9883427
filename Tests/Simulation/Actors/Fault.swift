import Core

/// What can go wrong in a run. Each seed switches on some of them.
public enum Fault: String, CaseIterable, Sendable {
    // The network before a server.
    case refuseConnection, stallConnection, resetOnAccept, closeIdleConnection
    // TLS before a server.
    case stallHandshake, garbageHandshake, closeInHandshake, otherCertificate
    // This process: it has no descriptor left, little memory, or few threads.
    case noDescriptors, littleMemory, slowWork
    // A server's answer.
    case resetBeforeHead, stallBeforeHead, stallInHead, stallAfterHead, stallBetweenPieces
    case garbageHead, garbageChunk, tooShort, tooLong, drip
    case badRequest, notFound, tooManyRequests, internalError, unavailable, errorWithStalledBody
    case dieAfterPieces, closeAfterPieces, endWithoutMark, cutWithoutFinish, errorEvent
    // A probe's answer.
    case probeFails, probeStalls, probeIsGarbage, probeIsLate, modelsChange
    // The adapter.
    case strayCalls, lateReports
    // A client.
    case vanish, vanishOrderly, halfClose, readSlowly, readNothing, sendSlowly, sendHalf
    // A subscriber of live updates.
    case subscriberVanishes, subscriberGoesSilent, subscriberSendsGarbage, subscriberFloods, subscriberReadsNothing
    case subscriberReadsSlowly, halfUpgrade
    // The operator.
    case reload, drainBackend, shutDown, setClock
    case replaceServer, renewInstance, relabelBackend, removeBackend, addBackend
    // The operator again: limits, the queue, and what names stand for.
    case changeLimits, changeNames
    // And once more: commands about backends.
    case commands

    /// Of an answer to a request for a completion.
    static let ofAnswers: [Fault] = [
        .resetBeforeHead, .stallBeforeHead, .stallInHead, .stallAfterHead, .stallBetweenPieces, .garbageHead,
        .garbageChunk, .tooShort, .tooLong, .drip, .badRequest, .notFound, .tooManyRequests, .internalError,
        .unavailable,
        .errorWithStalledBody, .dieAfterPieces, .closeAfterPieces, .endWithoutMark, .cutWithoutFinish, .errorEvent,
    ]

    /// Of the operator: they change the backends.
    static let ofTheFleet: [Fault] = [.replaceServer, .renewInstance, .relabelBackend, .removeBackend, .addBackend]

    /// Of the operator: they change limits and names, and came later than the others.
    static let ofTheSettings: [Fault] = [.changeLimits, .changeNames, .commands]

    /// Of a server's TLS handshake.
    static let ofHandshakes: [Fault] = [.stallHandshake, .garbageHandshake, .closeInHandshake, .otherCertificate]

    /// Those after which the server, by what it said, may be held to have failed.
    var isOfTheServer: Bool {
        switch self {
        case .badRequest, .notFound, .tooManyRequests, .unavailable, .endWithoutMark: false
        default: true
        }
    }
}

/// Decides which faults strike, and counts them.
final class Chaos {
    private var random: SeededRandom
    /// For the newer faults, so that the others go on striking where they did.
    private var later: SeededRandom
    private var rates: [Double]
    private(set) var counts: [Int]
    /// No fault strikes any more.
    var isOver = false

    /// - Parameter faults: that may strike at all; each is switched on by lot.
    init(seed: UInt64, faults: [Fault]) {
        random = SeededRandom(seed: seed)
        later = SeededRandom(seed: ~seed)
        rates = Array(repeating: 0, count: Fault.allCases.count)
        counts = rates.map { _ in 0 }
        let share = Double.random(in: 0.05...0.6, using: &random)
        for (index, fault) in Fault.allCases.enumerated() {
            guard !Fault.ofTheSettings.contains(fault) else {
                if Int.random(in: 0..<3, using: &later) == 0, faults.contains(fault) { rates[index] = 0.3 }
                continue
            }
            let isOn = Double.random(in: 0..<1, using: &random) < share
            let rate = [0.02, 0.1, 0.3].randomElement(using: &random) ?? 0.1
            if isOn, faults.contains(fault) { rates[index] = rate }
        }
    }

    func strikes(_ fault: Fault) -> Bool {
        guard let index = Fault.allCases.firstIndex(of: fault), rates[index] > 0, !isOver else { return false }
        let lot =
            Fault.ofTheSettings.contains(fault)
            ? Double.random(in: 0..<1, using: &later) : Double.random(in: 0..<1, using: &random)
        guard lot < rates[index] else { return false }
        counts[index] += 1
        return true
    }

    /// Of what can strike once in a run.
    func strikes(_ fault: Fault, tries: Int) -> Bool {
        for _ in 0..<tries where strikes(fault) { return true }
        return false
    }

    func isOn(_ fault: Fault) -> Bool { Fault.allCases.firstIndex(of: fault).map { rates[$0] > 0 } ?? false }

    /// The first of these that strikes.
    func first(of faults: [Fault]) -> Fault? { faults.first { strikes($0) } }
}
