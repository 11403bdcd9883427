import AdapterHost
import Core
import NIOCore

/// A request as it came: its body is to be looked into before anything can be done with it.
struct RequestDraft: Sendable {
    /// Bytes of a body that is looked into on the event loop: at most some 2 ms of work, whatever it holds.
    private static let inlineJSON = 256 * 1024
    /// A form's header fields take longer.
    private static let inlineForm = 64 * 1024

    private let kind: RequestKind
    /// Without the query.
    private let path: String
    private let contentType: String
    private let isForm: Bool
    let body: ByteBuffer
    /// Bodies are captured, as they came.
    private let keepsOriginal: Bool

    init(kind: RequestKind, path: String, contentType: String, body: ByteBuffer, keepsOriginal: Bool = false) {
        self.keepsOriginal = keepsOriginal
        self.kind = kind
        self.path = path
        self.contentType = contentType
        self.body = body
        isForm = !contentType.isEmpty && FormScanner.isForm(contentType)
    }

    /// The event loop must not do it.
    var isLarge: Bool { body.readableBytes > (isForm ? Self.inlineForm : Self.inlineJSON) }

    /// Looks into the body, and gives it to the backends with their name of the model.
    /// - Parameter names: what a client's name stands for.
    func request(names: ModelNames) throws(RequestPeekError) -> ClientRequest {
        let scanned = body.withUnsafeReadableBytes { bytes in
            Result { () throws(RequestPeekError) in
                isForm
                    ? try FormScanner.scan(bytes, contentType: contentType)
                    : try RequestScanner.scan(bytes, needsInput: kind == .embeddings)
            }
        }
        let peek = try scanned.get()
        let name = names.resolve(peek.model)
        var request = ClientRequest(
            kind: kind, path: path, contentType: isForm ? contentType : ClientRequest.json, isForm: isForm, peek: peek,
            model: name.resolved, body: body, stream: kind.streams(peek, path: path))
        request.isAllowed = name.isAllowed
        if name.backend != nil || !name.others.isEmpty {
            request.chain = ModelChain(name, original: body)
        }
        request.body = request.named(name.resolved, in: body)
        if keepsOriginal { request.original = body }
        return request
    }
}
