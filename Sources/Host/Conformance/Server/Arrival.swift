import JSON
import PluginAPI

/// What an adapter asks the server for.
struct UpstreamRequest {
    var method: String
    /// Below the backend's URL, with the query.
    var path: String
    /// Names in lower case.
    var headers: [(name: String, value: String)]
    var body: [UInt8]
    var isProbe: Bool
}

/// What the server answers.
struct UpstreamAnswer: Sendable {
    var status: UInt32 = 200
    var headers: [(name: String, value: String)] = [(name: "content-type", value: "application/json")]
    var body: [UInt8] = []
    /// It holds generated text or embeddings.
    var isGeneration = false
}

/// What is wrong with the server in one run.
enum Fault: Equatable, CustomStringConvertible {
    case none
    /// Every answer has this status and the server's error body.
    case status(UInt32, retryAfter: Int? = nil)
    /// No connection.
    case refused
    /// It does not speak HTTP.
    case garbage
    /// It takes the request and never answers.
    case silent
    /// The connection closes after so many thousandths of the body.
    case closes(Int)
    /// The connection closes after so many bytes of the body.
    case closesAfter(Int)
    /// The body ends after so many bytes, as if it were whole.
    case endsAfter(Int)
    /// A success whose body is no JSON.
    case nonsense
    /// An error in the middle of a stream.
    case errorInside
    /// One line of so many bytes that does not end.
    case endlessLine(Int)
    /// The answer tells the API key it was given.
    case tellsKey

    var description: String {
        switch self {
        case .none: "that is well"
        case .status(let status, _): "that answers \(status)"
        case .refused: "that refuses connections"
        case .garbage: "that does not speak HTTP"
        case .silent: "that never answers"
        case .closes, .closesAfter: "that closes too early"
        case .endsAfter: "that ends its answer too early"
        case .nonsense: "that sends no JSON"
        case .errorInside: "with an error inside its stream"
        case .endlessLine: "with an endless line"
        case .tellsKey: "that tells the key"
        }
    }
}

/// How one run of the scripted server goes.
struct Variation {
    var fault = Fault.none
    /// Bytes of a piece; nil: the body comes whole.
    var pieceSize: Int?
    /// The first piece ends here, and the second is the rest.
    var splitAt: Int?
    /// Milliseconds of the loop's clock before each event.
    var delay: UInt64 = 0
    var tellsUsage = true
    /// Models of the list; nil: the usual ones.
    var models: Int?
    /// What was lent to the adapter is overwritten after each call.
    var scribbles = false
    /// Faults concern generation only, not what comes before it.
    var onGenerationOnly = false
    /// More header fields of every answer.
    var headers: [(name: String, value: String)] = []
    /// What the ends of HTTP requests tell of their times, in microseconds.
    var times = Arrival.Times()

    /// For people, behind "a server".
    var words: String {
        var words = "\(fault)"
        switch fault {
        case .status(_, .some(let seconds)): words += " with retry-after: \(seconds)"
        case .closes(let share): words += ", after \(share) thousandths of its answer"
        case .closesAfter(let count), .endsAfter(let count): words += ", after \(count) bytes"
        default: break
        }
        if let pieceSize { words += ", in pieces of \(pieceSize) bytes" }
        if let splitAt { words += ", in two pieces, cut at \(splitAt)" }
        if delay > 0 { words += ", slowly" }
        if let models { words += ", with \(models) models" }
        return words
    }
}

/// The way one answer comes.
struct Arrival {
    /// Nil: no head comes.
    var answer: UpstreamAnswer?
    var pieces: [ArraySlice<UInt8>] = []
    var delay: UInt64 = 0
    /// Nil: it never ends by itself.
    var end: nexus_http_result? = NEXUS_HTTP_COMPLETE
    var message = ""
    var scribbles = false
    var times = Times()

    /// Microseconds, 0: unknown.
    struct Times: Sendable {
        var connected: UInt64 = 250
        var firstByte: UInt64 = 1250
    }

    private static let address = "server.example:8080"

    /// How `server` answers `request` in such a run.
    static func of(_ request: UpstreamRequest, by server: some ServerScript, _ variation: Variation) -> Arrival {
        var answer = server.answer(request, variation)
        answer.headers += variation.headers
        var arrival = Arrival(delay: variation.delay, scribbles: variation.scribbles, times: variation.times)
        guard answer.isGeneration || !variation.onGenerationOnly else {
            arrival.answer = answer
            arrival.pieces = [answer.body[...]]
            return arrival
        }
        switch variation.fault {
        case .none, .errorInside, .tellsKey: break
        case .status(let status, let retryAfter):
            answer.status = status
            answer.headers = [("content-type", "application/json")] + variation.headers
            if let retryAfter { answer.headers.append(("retry-after", String(retryAfter))) }
            answer.body = server.error(status, "the scripted server answers \(status)", for: request.path)
        case .refused:
            arrival.end = NEXUS_HTTP_REFUSED
            arrival.message = "\(address) refused the connection"
            return arrival
        case .garbage:
            arrival.end = NEXUS_HTTP_GARBAGE
            arrival.message = "\(address) does not speak HTTP/1.1"
            return arrival
        case .silent:
            arrival.end = nil
            return arrival
        case .closes(let thousandths):
            answer.body = Array(answer.body.prefix(answer.body.count * thousandths / 1000))
            arrival.end = NEXUS_HTTP_CLOSED
            arrival.message = "\(address) closed the connection"
        case .closesAfter(let count):
            answer.body = Array(answer.body.prefix(count))
            arrival.end = NEXUS_HTTP_CLOSED
            arrival.message = "\(address) closed the connection"
        case .endsAfter(let count): answer.body = Array(answer.body.prefix(count))
        case .nonsense: answer.body = Array("<html>this is no answer</html>\n\n".utf8)
        case .endlessLine(let count):
            answer.body = server.endlessStart
            let filler = [UInt8](repeating: UInt8(ascii: "x"), count: 64 * 1024)[...]
            arrival.answer = answer
            arrival.pieces = [answer.body[...]] + Array(repeating: filler, count: count / filler.count)
            return arrival
        }
        if variation.fault == .tellsKey { answer = tellingKey(answer, request, server) }
        arrival.answer = answer
        arrival.pieces = pieces(of: answer.body, variation)
        return arrival
    }

    private static func tellingKey(
        _ answer: UpstreamAnswer, _ request: UpstreamRequest, _ server: some ServerScript
    ) -> UpstreamAnswer {
        let told = request.headers.map { "\($0.name): \($0.value)" }.joined(separator: ", ")
        return UpstreamAnswer(
            status: 401, body: server.error(401, "wrong key in \(told)", for: request.path),
            isGeneration: answer.isGeneration)
    }

    private static func pieces(of body: [UInt8], _ variation: Variation) -> [ArraySlice<UInt8>] {
        if let split = variation.splitAt {
            return [body.prefix(split), body.dropFirst(split)].filter { !$0.isEmpty }
        }
        guard let size = variation.pieceSize else { return body.isEmpty ? [] : [body[...]] }
        return stride(from: 0, to: body.count, by: max(1, size)).map { body[$0..<min($0 + size, body.count)] }
    }
}

/// What a server says: the built-in one, or a file's.
protocol ServerScript: Sendable {
    /// An answer of a server that is well; the variation's usage, models and error inside a stream are in it.
    func answer(_ request: UpstreamRequest, _ variation: Variation) -> UpstreamAnswer
    func error(_ status: UInt32, _ text: String, for path: String) -> [UInt8]
    /// How a line of a stream starts.
    var endlessStart: [UInt8] { get }
    /// Ids of the models it lists; nil: not known.
    var models: [String]? { get }
    /// It can list any number of models.
    var listsAnyNumber: Bool { get }
    /// The text it generates; nil: not known.
    var text: String? { get }
    /// The tokens it counts for generated text; nil: it does not tell.
    var usage: (prompt: UInt64, completion: UInt64)? { get }
    /// It can leave its counts out, and put an error inside a stream.
    var isVariable: Bool { get }
}
