/// What must hold for every input does not hold for this one.
public struct Broken: Error, Equatable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// - Parameter words: what does not hold, if the condition is false.
func require(_ condition: Bool, _ words: @autoclosure () -> String) throws(Broken) {
    guard condition else { throw Broken(words()) }
}
