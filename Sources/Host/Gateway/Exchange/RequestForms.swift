import AdapterHost
import Core
import Dialects
import NIOCore

/// The forms in which a client's request can be given to backends: as it came to those that speak its API, in OpenAI's words
/// to the others. Each is made once, when it is first needed.
struct RequestForms {
    enum Form: Sendable {
        case native
        /// Its translation takes too long for an event loop, and is to be made elsewhere first.
        case unprepared
        case translated(Translation)
        /// It needs no backend: this is the answer.
        case answered([UInt8], warning: String)
        /// Its client has made a mistake.
        case refused(ClientError)
    }

    /// Bytes of a request that is translated on the event loop: some 5 ms of work at the worst.
    private static let inlineLimit = 64 * 1024

    private(set) var request: ClientRequest
    /// Names the answer, and what in it needs a name.
    private let answerID: String
    private var translated: Form?
    /// Backends that turned out not to speak the client's API, whatever the model: each is asked in it once.
    private var refusedBy: Set<String> = []

    /// - Parameter answerID: not that of any other request.
    init(_ request: ClientRequest, answerID: String) {
        self.request = request
        self.answerID = answerID
    }

    /// The body as it came is not needed any more.
    mutating func forgetOriginal() { request.original = nil }

    /// Nil: the backend cannot serve this kind of request.
    mutating func form(for backend: BackendSnapshot) -> Form? {
        let driver = backend.driver
        if !refusedBy.contains(backend.identity.id), driver.supports(request.kind, told: backend.kinds) {
            return .native
        }
        guard request.dialect != .openAI else { return nil }
        let form = translation()
        if case .translated(let translation) = form {
            return driver.supports(RequestKind(translation.target), told: backend.kinds) ? form : nil
        }
        return form
    }

    /// Whether the translation must be made before one of these can be asked.
    mutating func needsTranslation(for backends: @autoclosure () -> [BackendSnapshot]) -> Bool {
        guard isUnprepared else { return false }
        return backends().contains { if case .unprepared? = form(for: $0) { true } else { false } }
    }

    /// The request is to be for another model: what was made of it for the one before is forgotten.
    /// - Parameter body: with the model's name in it.
    mutating func take(_ model: String, body: ByteBuffer) {
        request.model = model
        request.body = body
        translated = nil
    }

    /// Puts a model's name into the body as the client sent it, on any thread.
    func naming(_ model: String, in original: ByteBuffer) -> @Sendable () -> ByteBuffer {
        let request = request
        return { request.named(model, in: original) }
    }

    /// Makes the translation, on any thread; `take` gives it back.
    var makeTranslation: @Sendable () -> Form {
        let (request, answerID) = (request, answerID)
        return { RequestTranslation.form(of: request, answerID: answerID) }
    }

    mutating func take(_ form: Form) { translated = form }

    private var isUnprepared: Bool {
        translated == nil && request.dialect != .openAI && request.body.readableBytes > Self.inlineLimit
    }

    /// A backend did not take the request as it came. True if it may be asked again, in other words.
    mutating func refused(by backend: BackendSnapshot) -> Bool {
        refusedBy.insert(backend.identity.id).inserted && form(for: backend) != nil
    }

    /// The answer has been committed: no form will be needed any more.
    mutating func forget() {
        request.body = ByteBuffer()
        request.chain = nil
        translated = nil
    }

    private mutating func translation() -> Form {
        if let translated { return translated }
        if isUnprepared { return .unprepared }
        let form = RequestTranslation.form(of: request, answerID: answerID)
        translated = form
        return form
    }
}

extension RequestKind {
    init(_ target: Translation.Target) {
        switch target {
        case .chat: self = .chat
        case .completions: self = .completions
        case .embeddings: self = .embeddings
        }
    }
}
