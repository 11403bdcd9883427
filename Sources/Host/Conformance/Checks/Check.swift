/// One thing that is asked of an adapter.
struct Check: Sendable {
    /// Of the group and what is looked at, e.g. `probe.half-open-server`.
    let id: String
    /// One line: what an adapter must do to pass.
    let requirement: String
    /// Nothing after it can be checked when it fails.
    let isEssential: Bool
    /// It looks at the process, so that no other check may have run there before.
    let needsOwnProcess: Bool
    /// Gives what was seen, or throws a `CheckStop`.
    let run: @Sendable (Bench) throws -> String

    init(
        _ id: String, _ requirement: String, isEssential: Bool = false, needsOwnProcess: Bool = false,
        _ run: @escaping @Sendable (Bench) throws -> String
    ) {
        self.id = id
        self.requirement = requirement
        self.isEssential = isEssential
        self.needsOwnProcess = needsOwnProcess
        self.run = run
    }

    /// All checks, in the order in which they run.
    static let all = loading + creating + probing + exchanging + passing + failing + enduring + acting + runningActions
}

/// Why a check ends without having passed; the text says what was seen.
enum CheckStop: Error, Equatable {
    case failed(String)
    case skipped(String)
}

func require(_ condition: Bool, _ text: @autoclosure () -> String) throws {
    if !condition { throw CheckStop.failed(text()) }
}

/// Nothing of the kind was seen.
func requireNone(_ words: String?) throws {
    if let words { throw CheckStop.failed(words) }
}
