/// Reads answers of HTTP/1.1 as a client does: strictly, piece by piece.
struct AnswerReader {
    struct Answer {
        var status = 0
        var fields: [(name: String, value: String)] = []
        var body: [UInt8] = []
        var isChunked = false
        /// The end of the answer has come as its head announced.
        var isComplete = false

        subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }
    }

    enum Event {
        /// The head has come.
        case head(Answer)
        case complete(Answer)
        case interim(Int)
        case broken(String)
    }

    private enum Stage {
        case head
        case length(Int)
        case chunkSize
        case chunk(Int)
        case chunkEnd
        case trailer
        case untilClose
        case broken
    }

    private var stage = Stage.head
    private var bytes: [UInt8] = []
    private var at = 0
    private(set) var answer = Answer()
    /// Something of the answer under way has come.
    var hasBegun: Bool { if case .head = stage { at < bytes.count } else { true } }
    var hasHead: Bool { if case .head = stage { false } else { true } }

    mutating func feed(_ input: [UInt8]) -> [Event] {
        bytes += input
        var events: [Event] = []
        while let event = next() { events.append(event) }
        if at > 0 {
            bytes.removeFirst(at)
            at = 0
        }
        return events
    }

    /// The connection has ended.
    mutating func end() -> Event? {
        guard case .untilClose = stage else { return nil }
        return finish()
    }

    private mutating func next() -> Event? {
        while true {
            switch stage {
            case .broken: return nil
            case .untilClose where at == bytes.count: return nil
            case .head: return readHead()
            case .length(let left):
                let count = min(left, bytes.count - at)
                take(count)
                stage = .length(left - count)
                return left == count ? finish() : nil
            case .untilClose: take(bytes.count - at)
            case .chunkSize:
                guard let line = line() else { return nil }
                guard let size = Int(line, radix: 16), line.utf8.count <= 16 else {
                    return fail("a chunk of size '\(line)'")
                }
                stage = size == 0 ? .trailer : .chunk(size)
            case .chunk(let left):
                let count = min(left, bytes.count - at)
                guard count > 0 else { return nil }
                take(count)
                stage = left == count ? .chunkEnd : .chunk(left - count)
            case .chunkEnd:
                guard let line = line() else { return nil }
                guard line.isEmpty else { return fail("no line end behind a chunk") }
                stage = .chunkSize
            case .trailer:
                guard let line = line() else { return nil }
                guard line.isEmpty else { return fail("a trailer '\(line)'") }
                return finish()
            }
        }
    }

    private mutating func take(_ count: Int) {
        answer.body += bytes[at..<at + count]
        at += count
    }

    private mutating func line() -> String? {
        guard let end = bytes.place(of: "\n", from: at) else { return nil }
        defer { at = end + 1 }
        guard end > at, bytes[end - 1] == 0x0D else { return "\\n without \\r" }
        return String(decoding: bytes[at..<end - 1], as: UTF8.self)
    }

    private mutating func readHead() -> Event? {
        guard let end = bytes.place(of: "\r\n\r\n", from: at) else { return nil }
        let lines = String(decoding: bytes[at..<end], as: UTF8.self).split(separator: "\r\n")
        at = end + 4
        let words = lines[0].split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else {
            return fail("a head that begins '\(lines[0])'")
        }
        if status == 100 { return .interim(status) }
        answer = Answer(status: status)
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":"), Self.isName(line[..<colon]),
                line.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
            else { return fail("a field '\(line)'") }
            answer.fields.append(
                (String(line[..<colon]), String(line[line.index(after: colon)...].drop { $0 == " " })))
        }
        let framings = answer.fields.count { $0.name == "content-length" || $0.name == "transfer-encoding" }
        guard framings <= 1 else { return fail("\(framings) lengths") }
        if answer["transfer-encoding"] == "chunked" {
            answer.isChunked = true
            stage = .chunkSize
        } else if let length = answer["content-length"].flatMap({ Int($0) }) {
            stage = .length(length)
        } else {
            stage = .untilClose
        }
        return .head(answer)
    }

    /// RFC 9110, section 5.6.2.
    private static func isName(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                switch $0 {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "!#$%&'*+-.^_`|~".utf8.contains($0)
                }
            }
    }

    private mutating func finish() -> Event {
        answer.isComplete = true
        stage = .head
        defer { answer = Answer() }
        return .complete(answer)
    }

    private mutating func fail(_ what: String) -> Event {
        stage = .broken
        return .broken(what)
    }
}
