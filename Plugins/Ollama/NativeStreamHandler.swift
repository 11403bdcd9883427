import PluginAPI

/// Passes a stream of Ollama's lines on unchanged, each as soon as it is complete and known not to be an error. A line
/// that has begun is kept back until then, so that no half line precedes the error that the host sends.
final class NativeStreamHandler: LinesHandler {
    private var pieces: UInt64 = 0

    init(_ exchange: ExchangeTask) { super.init(exchange, shape: .ollama) }

    override var usage: TokenUsage { Usage.sofar(pieces: pieces) }

    override func takeLines(_ bytes: UnsafeRawBufferPointer) {
        var completesPartial = lines.pending > 0
        // Good lines that lie whole in this piece go on together, without a copy.
        var start = 0
        var good = 0
        var end = End.open
        do {
            try lines.feed(bytes) { line, next in
                let parsed = StreamLine(line)
                end = look(parsed)
                if case .failed = end { return false }
                if case .empty = parsed, !hasBegun, good == start {
                    // A sign of life before the first line commits to nothing.
                    start = next
                } else if completesPartial {
                    writeLine(line)
                    start = next
                }
                completesPartial = false
                good = next
                return end.isOpen
            }
        } catch {
            end = .failed(StreamLine.tooLong)
        }
        if good > start { write(UnsafeRawBufferPointer(rebasing: bytes[start..<good])) }
        settle(end)
    }

    /// The last line may lack its end. If the answer broke off in the middle of a line, its end says so, not the rest of
    /// the line.
    override func lastLine() {
        lines.finish { line in
            let end = look(StreamLine(line))
            switch end {
            case .open, .failed(StreamLine.garbled): break
            case .failed: settle(end)
            case .done:
                writeLine(line)
                settle(end)
            }
        }
    }

    private func writeLine(_ line: UnsafeRawBufferPointer) {
        write(line)
        Self.lineFeed.withUnsafeBytes { write($0) }
    }

    private static let lineFeed: [UInt8] = [0x0A]

    /// What a line means for the stream.
    private enum End {
        case open
        case done(TokenUsage)
        case failed(String)

        var isOpen: Bool { if case .open = self { true } else { false } }
    }

    private func settle(_ end: End) {
        switch end {
        case .open: break
        case .done(let usage): finish(usage)
        case .failed(let text): fail(text)
        }
    }

    private func look(_ line: StreamLine) -> End {
        switch line {
        case .empty: return .open
        case .error(let text): return .failed(text)
        case .value(let value):
            if value["done"]?.bool == true { return .done(Usage.counts(value, pieces: pieces)) }
            let text = value["message"]?["content"]?.string ?? value["response"]?.string
            let thinking = value["message"]?["thinking"]?.string ?? value["thinking"]?.string
            if text?.isEmpty == false || thinking?.isEmpty == false { pieces += 1 }
            return .open
        }
    }
}
