import Core
import JSON

/// What became of a batch of spans. Pure.
enum CollectorVerdict: Equatable {
    /// The collector has them, except for so many that it did not want.
    case taken(rejected: UInt64, words: String)
    /// It does not want these, however often they are sent.
    case refused(String)
    /// They may be sent again.
    /// - Parameter after: seconds, as far as the collector says; nil: it does not.
    case away(String, after: Double?)

    /// Why these were not taken; nil: they were.
    var problem: String? {
        switch self {
        case .taken: nil
        case .refused(let why), .away(let why, _): why
        }
    }

    /// What OTLP/HTTP means by an answer.
    init(_ answer: CollectorCall.Answer) {
        switch answer.status {
        case 200...299:
            let partial = (try? JSONValue.parse(answer.body))?["partialSuccess"]
            // 64-bit numbers are texts in OTLP's JSON; some collectors write numbers.
            let rejected = partial?["rejectedSpans"].flatMap { told in
                told.string.flatMap { UInt64($0) } ?? told.int.map { UInt64(clamping: $0) }
            }
            self = .taken(
                rejected: rejected ?? 0, words: TroubleWords.plain(partial?["errorMessage"]?.string ?? ""))
        case 429, 502, 503, 504: self = .away("it answers \(answer.status)", after: answer.retryAfter)
        default: self = .refused(Self.words(answer))
        }
    }

    private static func words(_ answer: CollectorCall.Answer) -> String {
        let said = TroubleWords.plain((try? JSONValue.parse(answer.body))?["message"]?.string ?? "")
        return "it answers \(answer.status)" + (said.isEmpty ? "" : ": \(said)")
    }
}
