/// Which lines are written, where the same comes again and again: a few, and then once in a while how many there were. Pure.
struct LogRepeats: Sendable {
    enum Limits {
        /// Milliseconds that are looked at together.
        static let window: Int64 = 60_000
        /// Lines of one kind in the first of them.
        static let free = 5
        /// Kinds that are counted at once; more are written as they come.
        static let kinds = 512
    }

    /// Lines of one kind say the same but for their numbers.
    private struct Kind: Hashable {
        var level: String
        var component: String
        var words: [String]
    }

    private struct Count: Sendable {
        var windowEnds: Int64
        /// Lines that may still be written in this window.
        var left: Int
        var held = 0
        /// The newest of those that were held back.
        var newest: LogLine?
    }

    private var counts: [Kind: Count] = [:]
    /// When the first window ends; nil: there is none.
    private var nextEnd: Int64?

    /// Whether a line is written.
    /// - Parameter now: milliseconds of a clock that never goes back.
    mutating func admits(_ line: LogLine, now: Int64) -> Bool {
        guard Self.isLimited(line) else { return true }
        let kind = Self.kind(of: line)
        guard var count = counts[kind] else {
            guard counts.count < Limits.kinds else { return true }
            let end = now + Limits.window
            counts[kind] = Count(windowEnds: end, left: Limits.free - 1)
            nextEnd = min(nextEnd ?? end, end)
            return true
        }
        defer { counts[kind] = count }
        if count.left > 0 {
            count.left -= 1
            return true
        }
        count.held += 1
        count.newest = line
        return false
    }

    /// The lines that say how many were held back, of those whose time is over; to be called once in a while.
    /// - Parameter everything: also those whose time is not over, since nothing comes after.
    mutating func due(now: Int64, everything: Bool = false) -> [LogLine] {
        guard let first = nextEnd, everything || first <= now else { return [] }
        var lines: [LogLine] = []
        for (kind, count) in counts where everything || count.windowEnds <= now {
            guard count.held > 0, var line = count.newest else {
                counts[kind] = nil
                continue
            }
            line.fields.append((name: "repeated", value: .integer(Int64(count.held))))
            lines.append(line)
            // It goes on: from now on only the numbers are told.
            counts[kind] = everything ? nil : Count(windowEnds: now + Limits.window, left: 0)
        }
        nextEnd = counts.values.map(\.windowEnds).min()
        return lines.sorted { $0.at < $1.at }
    }

    /// Who asks for details gets them all; of a request there is one line, and what an operator does is never left out.
    private static func isLimited(_ line: LogLine) -> Bool {
        line.level != "trace" && line.level != "debug" && line.component != "requests" && line.component != "operators"
    }

    private static func kind(of line: LogLine) -> Kind {
        var words = [withoutNumbers(line.message)]
        for (name, value) in line.fields {
            guard case .string(let text) = value else { continue }
            words.append(name == "reason" ? withoutNumbers(text) : text)
        }
        return Kind(level: line.level, component: line.component, words: words)
    }

    private static func withoutNumbers(_ text: String) -> String {
        String(decoding: text.utf8.filter { !(0x30...0x39).contains($0) }, as: UTF8.self)
    }
}
