import Core

/// Why a file of another gateway cannot be taken over, for who runs the command: where, what, and what to do.
public struct ImportProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// In the file, from 1; nil: it is about the file as a whole.
    public var line: Int?
    public var message: String

    init(line: Int? = nil, _ message: String) {
        self.line = line
        self.message = EntryLimits.cutBytes(message, to: 1024)
    }

    public var description: String { (line.map { "line \($0): " } ?? "") + message }
}
