/// Where an exchange stands in the models that its client's name stands for. Pure.
struct TargetWalk: Sendable {
    /// Empty: one model, at any backend.
    private let targets: [ModelTarget]
    private(set) var index = 0

    init(_ targets: [ModelTarget]) { self.targets = targets }

    var hasNext: Bool { index + 1 < targets.count }
    /// Nil: the only one.
    var backend: String? { targets.isEmpty ? nil : targets[index].backend }

    /// Goes to one of them; nil: there is no such one.
    mutating func go(to place: Int) -> ModelTarget? {
        guard targets.indices.contains(place) else { return nil }
        index = place
        return targets[place]
    }

    /// Goes on to the next; nil: there is none.
    mutating func next() -> ModelTarget? {
        guard hasNext else { return nil }
        index += 1
        return targets[index]
    }
}
