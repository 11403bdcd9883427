import Shims

/// Counts the events of a stream that goes out in pieces, cut anywhere, by their line ends: cheap enough for every piece. Events
/// of one API have the same number of lines, so the count is exact where a server keeps to that, and near it elsewhere.
public struct EventCount: Sendable, Equatable {
    /// How the events of an API look.
    public struct Form: Sendable, Equatable {
        /// Lines of an event, the empty one at its end among them.
        public var lines: UInt64
        /// Events before the first that carries something the model wrote.
        public var opening: UInt64

        /// `data: …` and an empty line.
        public static let data = Form(lines: 2, opening: 0)
        /// `event: …`, `data: …` and an empty line, as in Anthropic's API: first the message begins, then its first block.
        public static let messages = Form(lines: 3, opening: 2)
        /// As in OpenAI's Responses API: created, in progress, an item added, a part of it added.
        public static let responses = Form(lines: 3, opening: 4)
        /// One line of JSON each.
        public static let jsonLines = Form(lines: 1, opening: 0)
    }

    private var lineFeeds: UInt64 = 0

    public init() {}

    /// A piece has gone out.
    public mutating func took(_ piece: UnsafeRawBufferPointer) {
        guard let base = piece.assumingMemoryBound(to: UInt8.self).baseAddress else { return }
        lineFeeds &+= UInt64(nexus_count_line_feeds(base, piece.count))
    }

    /// Events that have gone out with something the model wrote; about as many tokens.
    public func count(_ form: Form) -> UInt64 {
        let events = lineFeeds / form.lines
        return events > form.opening ? events - form.opening : 0
    }
}
