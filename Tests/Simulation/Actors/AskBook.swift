/// What is known of each request on both sides of the gateway, by its number.
final class AskBook {
    enum Verdict: Equatable {
        case right
        /// An error that says so.
        case refused(Int)
        /// An error inside a stream.
        case brokenOff
        /// The connection ended in the middle of an answer that has no other way to say that it failed.
        case aborted
        /// The connection was closed before the gateway had read the request.
        case unread
        /// The client did not wait for it.
        case abandoned
    }

    struct Note {
        fileprivate(set) var ask: Ask
        var sentAt: UInt64 = 0
        /// All of it was given to the network.
        var isSent = false
        var arrivals = 0
        /// A server has sent a part of the answer, or all.
        var dataSent = false
        var wasFinished = false
        var faults: [Fault] = []
        var verdict: Verdict?
        var records = 0
    }

    private(set) var notes: [Note] = []

    /// It will be asked in another way.
    func replace(_ ask: Ask) { notes[ask.number].ask = ask }

    func add(_ make: (Int) -> Ask) -> Ask {
        let ask = make(notes.count)
        notes.append(Note(ask: ask))
        return ask
    }

    subscript(_ number: Int) -> Note {
        get { notes[number] }
        set { notes[number] = newValue }
    }

    /// Told of each arrival at a server: by which name of a model.
    var onArrival: ((Ask, String) -> Void)?

    func arrived(_ number: Int, as model: String?) {
        notes[number].arrivals += 1
        if let model { onArrival?(notes[number].ask, model) }
    }
    func fault(_ number: Int, _ fault: Fault?) { if let fault { notes[number].faults.append(fault) } }
    func dataSent(_ number: Int) { notes[number].dataSent = true }
    func finished(_ number: Int, whole: Bool) { if whole { notes[number].wasFinished = true } }

    var unsettled: [Note] { notes.filter { $0.isSent && $0.verdict == nil } }
}
