import Core
import EventStream
import JSON
import NIOCore

extension FuzzTarget {
    /// A stream of events, and what looks into one that passes by.
    static let eventStream = FuzzTarget("event-stream") { bytes throws(Broken) in
        let read = try sameHoweverCut(bytes, "the lines") { EventReading.run($0) }
        try sameHoweverCut(bytes, "the line separators") { pieces in
            var separators = LineSeparators()
            var out: [UInt8] = []
            for piece in pieces {
                var buffer = ByteBuffer(bytes: piece)
                separators.escape(&buffer)
                out += buffer.readableBytesView
            }
            return out + separators.finish().readableBytesView
        }
        try sameHoweverCut(bytes, "the byte order mark") { pieces in
            var mark = ByteOrderMark()
            var out: [UInt8] = []
            for piece in pieces { out += mark.take(ByteBuffer(bytes: piece)).readableBytesView }
            return out + mark.finish().readableBytesView
        }
        try sameHoweverCut(bytes, "the place between events") { pieces in
            var (boundary, count) = (EventBoundary(), EventCount())
            for piece in pieces {
                withExact(piece) { raw in
                    boundary.took(raw)
                    count.took(raw)
                }
            }
            return "\(boundary.isBetweenEvents) \(count.count(.data)) \(count.count(.messages))"
        }
        try require(read.bytes <= bytes.count, "more comes out than went in")
        // What is written as an event is read as what it was.
        let lines = EventReading.run([EventText.event(bytes, name: "x")[...]])
        let data = lines.lines.filter { $0.hasPrefix("data ") }.map { $0.dropFirst(5) }.joined(separator: "\n")
        if !bytes.contains(0x0D), String(validating: bytes, as: UTF8.self) != nil {
            try require(data == text(bytes), "an event with \(text(bytes)) is read as \(data)")
        }
        try require(lines.lines.last == "end " && lines.lines.filter { $0 == "end " }.count == 1, "an event ends early")
    }

    /// Lines of JSON, with a limit that inputs reach.
    static let lines = FuzzTarget("lines") { bytes throws(Broken) in
        for limit in [40, 1 << 20] {
            try sameHoweverCut(bytes, "the lines") { pieces in
                var decoder = LineDecoder(limit: limit)
                var lines: [[UInt8]] = []
                var isTooLong = false
                for piece in pieces where !isTooLong {
                    withExact(piece) { raw in
                        do {
                            try decoder.feed(raw) { line, next in
                                lines.append(Array(line))
                                return next <= raw.count
                            }
                        } catch {
                            isTooLong = true
                        }
                    }
                }
                if !isTooLong { decoder.finish { lines.append(Array($0)) } }
                return [lines, [isTooLong ? [1] : [0]]]
            }
        }
        try sameHoweverCut(bytes, "the thoughts") { pieces in
            // Text comes in whole characters.
            guard String(validating: bytes, as: UTF8.self) != nil else { return "" }
            var split = InlineThinking(.tags)
            var (thought, words) = ("", "")
            func take(_ parts: InlineThinking.Parts) {
                thought += parts.thought
                words += parts.text
            }
            var open: [UInt8] = []
            for piece in pieces {
                open += piece
                guard let whole = String(validating: open, as: UTF8.self) else { continue }
                take(split.feed(whole))
                open = []
            }
            take(split.finish())
            return thought + "|" + words
        }
    }
}

/// All that a stream of events says, line by line.
struct EventReading: Equatable {
    var lines: [String] = []
    var bytes = 0
    var isTooLong = false

    static func run(_ pieces: [ArraySlice<UInt8>]) -> EventReading {
        var reading = EventReading()
        var lines = EventStreamLines(limit: 64 * 1024)
        func take(_ line: EventStreamLine) {
            reading.lines.append("\(line.kind) \(text(line.value))")
            reading.bytes += line.value.count
            _ = line.value(ofField: "error")?.count
        }
        for piece in pieces where !reading.isTooLong {
            withExact(piece) { raw in
                do {
                    try lines.feed(raw) { line, _ in
                        take(line)
                        return true
                    }
                } catch {
                    reading.isTooLong = true
                }
            }
        }
        lines.finish { take($0) }
        return reading
    }
}
