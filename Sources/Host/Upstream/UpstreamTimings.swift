/// When things happened to one call, in nanoseconds since its start; nil: not yet, or never.
public struct UpstreamTimings: Sendable, Equatable {
    /// A connection could carry the request: TCP and TLS were there. 0 for one that was kept.
    public internal(set) var connected: UInt64?
    /// The first byte of the answer came.
    public internal(set) var firstByte: UInt64?
    /// The connection had served before.
    public internal(set) var reusedConnection = false

    public init() {}
}

/// How far a call has come before its answer begins.
public enum UpstreamStep: Sendable, Equatable {
    /// A connection is being made: the name is resolved, TCP connects.
    case connecting
    /// TCP is connected; TLS is not there yet.
    case handshaking
    /// The connection can carry the request.
    case connected
    /// The request has gone out whole.
    case written
}
