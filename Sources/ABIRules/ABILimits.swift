import PluginAPI

/// The header's limits, as every reader of what crosses the ABI needs them. Bytes unless something else is said.
public enum ABILimits {
    @inlinable public static var id: Int { Int(NEXUS_LIMIT_ID) }
    @inlinable public static var message: Int { Int(NEXUS_LIMIT_MESSAGE) }
    @inlinable public static var schema: Int { Int(NEXUS_LIMIT_SCHEMA) }
    /// Models of one backend.
    @inlinable public static var models: Int { Int(NEXUS_LIMIT_MODELS) }
    @inlinable public static var write: Int { Int(NEXUS_LIMIT_WRITE) }
    @inlinable public static var unsent: Int { Int(NEXUS_LIMIT_UNSENT) }
    @inlinable public static var failureBody: Int { Int(NEXUS_LIMIT_FAILURE_BODY) }
    /// The body of an answer that is an error.
    @inlinable public static var errorBody: Int { Int(NEXUS_LIMIT_ERROR_BODY) }
    @inlinable public static var errorBodyMilliseconds: Int64 { Int64(NEXUS_LIMIT_ERROR_BODY_MS) }
    /// The body of one answer to a probe.
    @inlinable public static var probeBody: Int { Int(NEXUS_LIMIT_PROBE_BODY) }
    @inlinable public static var result: Int { Int(NEXUS_LIMIT_RESULT) }
    @inlinable public static var httpBody: Int { Int(NEXUS_LIMIT_HTTP_BODY) }
    /// HTTP requests of one task under way.
    @inlinable public static var httpRequests: Int { Int(NEXUS_LIMIT_HTTP_REQUESTS) }
    /// Header fields of one HTTP request.
    @inlinable public static var httpHeaders: Int { Int(NEXUS_LIMIT_HTTP_HEADERS) }
    @inlinable public static var httpHead: Int { Int(NEXUS_LIMIT_HTTP_HEAD) }
    /// Timers of one task.
    @inlinable public static var timers: Int { Int(NEXUS_LIMIT_TIMERS) }
    @inlinable public static var timerMilliseconds: UInt32 { NEXUS_LIMIT_TIMER_MS }
    /// Functions of one backend that wait to be called.
    @inlinable public static var posts: Int { Int(NEXUS_LIMIT_POSTS) }
    /// Functions of one backend that block.
    @inlinable public static var blocking: Int { Int(NEXUS_LIMIT_BLOCKING) }
    /// Actions of one adapter.
    @inlinable public static var actions: Int { Int(NEXUS_LIMIT_ACTIONS) }
    /// Parameters of one action.
    @inlinable public static var parameters: Int { Int(NEXUS_LIMIT_PARAMETERS) }
    @inlinable public static var actionName: Int { Int(NEXUS_LIMIT_ACTION_NAME) }
    @inlinable public static var signature: Int { Int(NEXUS_LIMIT_SIGNATURE) }
    @inlinable public static var details: Int { Int(NEXUS_LIMIT_DETAILS) }
    @inlinable public static var type: Int { Int(NEXUS_LIMIT_TYPE) }
    @inlinable public static var name: Int { Int(NEXUS_LIMIT_NAME) }
    @inlinable public static var server: Int { Int(NEXUS_LIMIT_SERVER) }
    /// Default URLs of one adapter.
    @inlinable public static var defaultURLs: Int { Int(NEXUS_LIMIT_DEFAULT_URLS) }
    @inlinable public static var url: Int { Int(NEXUS_LIMIT_URL) }
    @inlinable public static var contentType: Int { Int(NEXUS_LIMIT_CONTENT_TYPE) }
    @inlinable public static var createMilliseconds: Int { Int(NEXUS_LIMIT_CREATE_MS) }
    /// Unix seconds.
    @inlinable public static var time: Int64 { Int64(NEXUS_LIMIT_TIME) }
    /// A count.
    @inlinable public static var count: UInt64 { UInt64(NEXUS_LIMIT_COUNT) }
    /// Header fields that pass through the host in one direction.
    @inlinable public static var passedHeaders: Int { Int(NEXUS_LIMIT_PASSED_HEADERS) }
    @inlinable public static var passedBytes: Int { Int(NEXUS_LIMIT_PASSED_BYTES) }
    /// Header fields that are looked at.
    @inlinable public static var offeredHeaders: Int { Int(NEXUS_LIMIT_OFFERED_HEADERS) }
}
