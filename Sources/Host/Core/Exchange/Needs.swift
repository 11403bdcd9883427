/// What a request needs of a model, as far as its body shows. Small, and looked at only where something is told of the models.
public struct Needs: Sendable, Equatable {
    /// Whoever tells that it has these is asked first.
    public var required: Capabilities
    /// Of the prompt, roughly: a quarter of the body's bytes without what is in data URLs.
    public var tokens: UInt64

    public init(required: Capabilities = [], tokens: UInt64 = 0) {
        self.required = required
        self.tokens = tokens
    }

    /// - Parameter bytes: of the body.
    public init(_ peek: RequestPeek, bytes: Int) {
        required = peek.images ? .vision : []
        tokens = UInt64(max(0, bytes - peek.dataBytes)) / 4
    }
}

/// What a backend tells of one of its models that decides who is asked.
public struct ToldModel: Sendable, Equatable {
    /// What is missing may not have been told.
    public var capabilities: Capabilities
    /// Tokens; 0: not told.
    public var contextLength: UInt64

    /// Nil: nothing is told.
    public init?(_ model: Model) {
        guard !model.capabilities.isEmpty || model.contextLength > 0 else { return nil }
        (capabilities, contextLength) = (model.capabilities, model.contextLength)
    }

    public func isTooSmall(for needs: Needs) -> Bool { contextLength > 0 && needs.tokens > contextLength }
}
