import NIOCore

/// A request as a backend gets it, without its body.
public struct SubmittedRequest: Sendable, Equatable {
    public var kind: RequestKind
    /// The name at the backend.
    public var model: String
    public var requestID: String
    /// What the client asked for, without a query.
    public var path: String
    /// Of the body.
    public var contentType: String
    /// The client wants the answer in pieces.
    public var stream: Bool
    /// The client wants the usage told in the stream.
    public var includeUsage: Bool
    /// The request offers tools.
    public var tools: Bool
    /// A message of the request holds an image.
    public var images: Bool
    /// Those of the client that a backend may pass on; what may not is left out before an adapter sees it.
    public var headers: [HeaderField]
    /// When the exchange ends at the latest; nil: the attempt's own deadline alone.
    public var deadline: NIODeadline?
    /// Until a connection is there; `.some(nil)`: any time, nil: what the backend has for all models.
    public var connectLimit: Duration??

    public init(
        kind: RequestKind, model: String, requestID: String, path: String, contentType: String = "application/json",
        stream: Bool, includeUsage: Bool, tools: Bool, images: Bool, headers: [HeaderField] = [],
        deadline: NIODeadline? = nil
    ) {
        self.kind = kind
        self.model = model
        self.requestID = requestID
        self.path = path
        self.contentType = contentType
        self.stream = stream
        self.includeUsage = includeUsage
        self.tools = tools
        self.images = images
        self.headers = headers
        self.deadline = deadline
    }
}
