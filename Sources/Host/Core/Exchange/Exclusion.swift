/// Why a backend is not asked for a request, or comes behind others.
public enum Exclusion: Sendable, Equatable {
    /// The client's key may not use it.
    case notAllowed
    /// The name stands for the model at this backend alone.
    case pinned(to: String)
    /// The name stands for the model at this backend, which does not have it.
    case withoutModel
    /// Its model certainly lacks these.
    case lacks(Capabilities)
    /// Its server or its adapter does not answer such requests.
    case wrongKind
    /// Tokens that its model's context has, and that the prompt and its answer are estimated at.
    case contextTooShort(UInt64, needs: UInt64)
    /// It was asked for this request, and failed.
    case tried
    case draining
    /// Its probes fail, or it has not been reached yet.
    case down(BackendStatus, error: String?)
    /// It is asked only where nobody else can be: too many requests failed there.
    case breakerOpen(String)
    /// Likewise: its server said so. Seconds.
    case resting(UInt64)
    /// It runs as many requests as it may.
    case full(Int)
    /// Others tell that they can do what this one says nothing of.
    case fitsLess

    /// Nothing that passes by waiting: the same request will never be served there.
    public var isOfTheRequest: Bool {
        switch self {
        case .notAllowed, .pinned, .withoutModel, .lacks, .wrongKind, .contextTooShort: true
        case .tried, .draining, .down, .breakerOpen, .resting, .full, .fitsLess: false
        }
    }

    /// For people, behind the backend's name.
    /// - Parameters:
    ///   - kind: of the request, in words.
    ///   - isBrief: without what servers and connections said, for those who are not to know how the gateway runs.
    public func words(kind: String, isBrief: Bool = false) -> String {
        switch self {
        case .notAllowed: "is not for this key"
        case .pinned(let other): "is not meant, but \(other)"
        case .withoutModel: "does not have the model"
        case .lacks(let missing): "does not support \(missing.words)"
        case .wrongKind: "does not support \(kind)"
        case .contextTooShort(let length, let needs): "has a context of \(length) tokens, and some \(needs) are needed"
        case .tried: "was asked, and failed"
        case .draining: "is draining"
        case .down(let status, let error):
            "is \(status.rawValue.lowercased())" + (isBrief ? "" : error.map { ": \($0)" } ?? "")
        case .breakerOpen(let trouble): "is left alone for a while" + (isBrief ? "" : ": \(trouble)")
        case .resting(let seconds): "wants to be left alone for \(seconds) s"
        case .full(let limit): "runs \(limit) requests, as many as it may"
        case .fitsLess: "tells less of what it can do than others"
        }
    }
}

extension Capabilities {
    /// As a client calls them, e.g. "images and tools".
    public var words: String {
        let names: [(Capabilities, String)] = [
            (.vision, "images"), (.tools, "tools"), (.jsonMode, "JSON output"), (.thinking, "thinking"),
            (.embedding, "embeddings"), (.completion, "chats and completions"),
        ]
        let own = names.filter { contains($0.0) }.map(\.1)
        guard let last = own.last, own.count > 1 else { return own.first ?? "this" }
        return own.dropLast().joined(separator: ", ") + " and " + last
    }
}
