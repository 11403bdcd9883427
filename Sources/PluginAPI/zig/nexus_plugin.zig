//! The ABI between the Nexus gateway (the host) and a backend adapter, for Zig: all of `nexus_plugin.h` under the same names,
//! written from it by scripts/zig_bindings.py. That header is the manual. It says of each function which thread may call it, who owns
//! which memory and what a failure looks like; read its first 80 lines before anything else.
//!
//! What is particular to Zig:
//!
//! - **Structures that you fill**: `nexus_health{ .status = NEXUS_HEALTHY }` sets `struct_size`, and leaves all that you do not name
//!   unknown.
//! - **Text** that you are given lives for the duration of the call: `slice` borrows it, and it is up to you not to keep it.
//! - **User pointers**: what you give as `user` comes back with the last call; free it there. Where a function that takes one did
//!   not return `NEXUS_OK`, no call comes and it is yours again.
//! - **Fields that came after 1.0** may be missing in what a host gives: ask `has` first.

/// Borrows text, which has to live until the call that gets this has returned.
pub fn str(text: []const u8) nexus_str {
    return .{ .ptr = text.ptr, .len = text.len };
}

/// The bytes of a text, valid for the call that brought it.
pub fn slice(text: nexus_str) []const u8 {
    return if (text.len == 0) "" else text.ptr[0..text.len];
}

/// Whether the side that filled a structure knows a field: `has(request, "headers")`.
pub fn has(pointer: anytype, comptime field: []const u8) bool {
    const Structure = @TypeOf(pointer.*);
    return pointer.struct_size >= @offsetOf(Structure, field) + @sizeOf(@FieldType(Structure, field));
}

/// Says something in the room that the caller has provided; what does not fit is cut.
pub fn say(message: [*c]nexus_message, text: []const u8) void {
    const length = @min(text.len, message.*.capacity);
    @memcpy(message.*.ptr[0..length], text[0..length]);
    message.*.length = length;
}

pub const NEXUS_ABI_MAJOR = 1;
pub const NEXUS_ABI_MINOR = 3;
pub const NEXUS_ENTRY_SYMBOL = "nexus_adapter_v1";
pub const NEXUS_OK = 0;
pub const NEXUS_INVALID = (-1);
pub const NEXUS_STALE = (-2);
pub const NEXUS_WRONG_THREAD = (-3);
pub const NEXUS_BAD_STATE = (-4);
pub const NEXUS_TOO_LARGE = (-5);
pub const NEXUS_UNSUPPORTED = (-6);
pub const NEXUS_FAILED = (-7);
pub const NEXUS_LIMIT_ID = 256;
pub const NEXUS_LIMIT_MESSAGE = 1024;
pub const NEXUS_LIMIT_SCHEMA = 65536;
pub const NEXUS_LIMIT_MODELS = 10000;
pub const NEXUS_LIMIT_WRITE = 16777216;
pub const NEXUS_LIMIT_UNSENT = 67108864;
pub const NEXUS_LIMIT_FAILURE_BODY = 65536;
pub const NEXUS_LIMIT_RESULT = 8388608;
pub const NEXUS_LIMIT_HTTP_BODY = 67108864;
pub const NEXUS_LIMIT_HTTP_REQUESTS = 16;
pub const NEXUS_LIMIT_TIMERS = 16;
pub const NEXUS_LIMIT_POSTS = 65536;
pub const NEXUS_LIMIT_BLOCKING = 64;
pub const NEXUS_LIMIT_ACTIONS = 64;
pub const NEXUS_LIMIT_PARAMETERS = 12;
pub const NEXUS_LIMIT_KEYS = 64;
pub const NEXUS_LIMIT_DETAILS = 4096;
pub const NEXUS_LIMIT_TYPE = 64;
pub const NEXUS_LIMIT_NAME = 256;
pub const NEXUS_LIMIT_SERVER = 128;
pub const NEXUS_LIMIT_DEFAULT_URLS = 16;
pub const NEXUS_LIMIT_URL = 256;
pub const NEXUS_LIMIT_CONTENT_TYPE = 256;
pub const NEXUS_LIMIT_HTTP_HEADERS = 64;
pub const NEXUS_LIMIT_HTTP_HEAD = 65536;
pub const NEXUS_LIMIT_TIMER_MS = 86400000;
pub const NEXUS_LIMIT_ACTION_NAME = 64;
pub const NEXUS_LIMIT_SIGNATURE = 8192;
pub const NEXUS_LIMIT_STRUCT = 4096;
pub const NEXUS_LIMIT_CREATE_MS = 10000;
pub const NEXUS_LIMIT_TIME = 253402300799;
pub const NEXUS_LIMIT_COUNT = 9007199254740992;
pub const NEXUS_LIMIT_ERROR_BODY = 65536;
pub const NEXUS_LIMIT_ERROR_BODY_MS = 1000;
pub const NEXUS_LIMIT_PROBE_BODY = 67108864;
pub const NEXUS_LIMIT_PASSED_HEADERS = 32;
pub const NEXUS_LIMIT_PASSED_BYTES = 8192;
pub const NEXUS_LIMIT_OFFERED_HEADERS = 256;
pub const NEXUS_HEALTHY = 1;
pub const NEXUS_UNHEALTHY = 2;
pub const NEXUS_LOADING = 3;
pub const NEXUS_LOAD_UNKNOWN = 0xFFFFFFFF;
pub const NEXUS_MODEL_VISION = (1 << 0);
pub const NEXUS_MODEL_TOOLS = (1 << 1);
pub const NEXUS_MODEL_JSON_MODE = (1 << 2);
pub const NEXUS_MODEL_THINKING = (1 << 3);
pub const NEXUS_MODEL_EMBEDDING = (1 << 4);
pub const NEXUS_MODEL_COMPLETION = (1 << 5);
pub const NEXUS_MODEL_STATE_UNKNOWN = 0;
pub const NEXUS_MODEL_LOADED = 1;
pub const NEXUS_MODEL_UNLOADED = 2;
pub const NEXUS_LOG_DEBUG = 1;
pub const NEXUS_LOG_INFO = 2;
pub const NEXUS_LOG_WARNING = 3;
pub const NEXUS_LOG_ERROR = 4;
pub const NEXUS_HEADERS_OF_CLIENTS = "anthropic-beta anthropic-version openai-* traceparent tracestate user-agent";
pub const NEXUS_HEADERS_OF_SERVERS = "anthropic-ratelimit-* openai-processing-ms openai-version ratelimit ratelimit-* request-id retry-after retry-after-ms x-accel-buffering x-rate-limit-* x-ratelimit-* x-request-id x-should-retry";
pub const NEXUS_HTTP_EXCHANGE_BODY = (1 << 0);
pub const NEXUS_HTTP_FROM_ROOT = (1 << 1);
pub const NEXUS_HTTP_COMPLETE = 0;
pub const NEXUS_HTTP_REFUSED = 1;
pub const NEXUS_HTTP_TIMED_OUT = 2;
pub const NEXUS_HTTP_CLOSED = 3;
pub const NEXUS_HTTP_GARBAGE = 4;
pub const NEXUS_HTTP_CANCELLED = 5;
pub const NEXUS_HTTP_END_REUSED = (1 << 0);
pub const NEXUS_KIND_CHAT = (1 << 0);
pub const NEXUS_KIND_COMPLETIONS = (1 << 1);
pub const NEXUS_KIND_EMBEDDINGS = (1 << 2);
pub const NEXUS_KIND_RESPONSES = (1 << 3);
pub const NEXUS_KIND_RERANK = (1 << 4);
pub const NEXUS_KIND_AUDIO = (1 << 5);
pub const NEXUS_KIND_IMAGES = (1 << 6);
pub const NEXUS_KIND_MESSAGES = (1 << 7);
pub const NEXUS_KIND_COUNT_TOKENS = (1 << 8);
pub const NEXUS_KIND_OLLAMA = (1 << 9);
pub const NEXUS_REQUEST_STREAM = (1 << 0);
pub const NEXUS_REQUEST_INCLUDE_USAGE = (1 << 1);
pub const NEXUS_REQUEST_TOOLS = (1 << 2);
pub const NEXUS_REQUEST_IMAGES = (1 << 3);
pub const NEXUS_TOKENS_UNKNOWN = 0xFFFFFFFFFFFFFFFF;
pub const NEXUS_OUTCOME_ESTIMATED = (1 << 0);
pub const NEXUS_FAIL_CONNECT = 1;
pub const NEXUS_FAIL_TIMEOUT = 2;
pub const NEXUS_FAIL_UPSTREAM = 3;
pub const NEXUS_FAIL_BUSY = 4;
pub const NEXUS_FAIL_REJECTED = 5;
pub const NEXUS_FAIL_AUTH = 6;
pub const NEXUS_FAIL_UNSUPPORTED = 7;
pub const NEXUS_FAIL_INTERNAL = 8;
pub const NEXUS_ACTIONS = "nexus.actions/1";
pub const NEXUS_ACTION_DESTRUCTIVE = (1 << 0);

pub const nexus_task = u64;
pub const nexus_http = u64;
pub const nexus_timer = u64;
pub const nexus_status = i32;
pub const nexus_health_status = u32;
pub const nexus_model_state = u32;
pub const nexus_log_level = u32;
pub const nexus_posted = *const fn (?*anyopaque, nexus_task, nexus_status) callconv(.c) void;
pub const nexus_http_result = u32;
pub const nexus_kind = u32;
pub const nexus_failure_kind = u32;
pub const nexus_timer_end = *const fn (?*anyopaque, nexus_timer, nexus_status) callconv(.c) void;

pub const nexus_str = extern struct {
    ptr: [*c]const u8 = null,
    len: usize = 0,
};

pub const nexus_message = extern struct {
    ptr: [*c]u8,
    capacity: usize,
    length: usize,
};

pub const nexus_health = extern struct {
    struct_size: u32 = @sizeOf(nexus_health),
    status: nexus_health_status = NEXUS_UNHEALTHY,
    latency_ms: f64 = -1,
    message: nexus_str = .{},
    server: nexus_str = .{},
    kinds: u32 = 0,
    reserved: u32 = 0,
};

pub const nexus_load = extern struct {
    struct_size: u32 = @sizeOf(nexus_load),
    slots: u32 = 0,
    running: u32 = NEXUS_LOAD_UNKNOWN,
    waiting: u32 = NEXUS_LOAD_UNKNOWN,
    cache_use: f64 = -1,
};

pub const nexus_model = extern struct {
    struct_size: u32 = @sizeOf(nexus_model),
    capabilities: u32 = 0,
    id: nexus_str = .{},
    name: nexus_str = .{},
    context_length: u64 = 0,
    max_output_tokens: u64 = 0,
    created: i64 = 0,
    state: nexus_model_state = 0,
    reserved: u32 = 0,
    loaded_until: i64 = 0,
    size: u64 = 0,
    memory: u64 = 0,
    device_memory: u64 = NEXUS_TOKENS_UNKNOWN,
    details: nexus_str = .{},
    told: u32 = 0,
    reserved_told: u32 = 0,
};

pub const nexus_callbacks = extern struct {
    struct_size: u32,
    reserved: u32,
    report_health: *const fn ([*c]const nexus_health) callconv(.c) void,
    report_models: *const fn ([*c]const nexus_model, usize) callconv(.c) void,
    log: *const fn (nexus_log_level, [*c]const u8, usize) callconv(.c) void,
    post: *const fn (nexus_task, nexus_posted, ?*anyopaque) callconv(.c) nexus_status,
    report_load: *const fn ([*c]const nexus_load) callconv(.c) void,
};

pub const nexus_header = extern struct {
    name: nexus_str = .{},
    value: nexus_str = .{},
};

pub const nexus_http_request = extern struct {
    struct_size: u32 = @sizeOf(nexus_http_request),
    flags: u32 = 0,
    method: nexus_str = .{},
    path: nexus_str = .{},
    headers: [*c]const nexus_header = null,
    header_count: usize = 0,
    body: nexus_str = .{},
    timeout_ms: u32 = 0,
    reserved: u32 = 0,
};

pub const nexus_http_head = extern struct {
    struct_size: u32 = @sizeOf(nexus_http_head),
    status: u32 = 0,
    headers: [*c]const nexus_header = null,
    header_count: usize = 0,
};

pub const nexus_http_end = extern struct {
    struct_size: u32 = @sizeOf(nexus_http_end),
    result: nexus_http_result = 0,
    message: nexus_str = .{},
    connected_us: u64 = 0,
    first_byte_us: u64 = 0,
    flags: u32 = 0,
    reserved: u32 = 0,
};

pub const nexus_http_handlers = extern struct {
    struct_size: u32 = @sizeOf(nexus_http_handlers),
    reserved: u32 = 0,
    on_head: *const fn (?*anyopaque, nexus_http, [*c]const nexus_http_head) callconv(.c) void,
    on_body: *const fn (?*anyopaque, nexus_http, [*c]const u8, usize) callconv(.c) void,
    on_end: *const fn (?*anyopaque, nexus_http, [*c]const nexus_http_end) callconv(.c) void,
};

pub const nexus_request = extern struct {
    struct_size: u32 = @sizeOf(nexus_request),
    kind: nexus_kind = 0,
    flags: u32 = 0,
    reserved: u32 = 0,
    model: nexus_str = .{},
    body: nexus_str = .{},
    request_id: nexus_str = .{},
    path: nexus_str = .{},
    content_type: nexus_str = .{},
    deadline_ms: u64 = 0,
    headers: [*c]const nexus_header = null,
    header_count: usize = 0,
};

pub const nexus_response_head = extern struct {
    struct_size: u32 = @sizeOf(nexus_response_head),
    status: u32 = 200,
    content_type: nexus_str = .{},
    warning: nexus_str = .{},
    headers: [*c]const nexus_header = null,
    header_count: usize = 0,
};

pub const nexus_outcome = extern struct {
    struct_size: u32 = @sizeOf(nexus_outcome),
    reserved: u32 = 0,
    prompt_tokens: u64 = NEXUS_TOKENS_UNKNOWN,
    completion_tokens: u64 = NEXUS_TOKENS_UNKNOWN,
    cached_tokens: u64 = NEXUS_TOKENS_UNKNOWN,
    flags: u32 = 0,
    reserved2: u32 = 0,
    prompt_us: u64 = 0,
    completion_us: u64 = 0,
};

pub const nexus_failure = extern struct {
    struct_size: u32 = @sizeOf(nexus_failure),
    kind: nexus_failure_kind = NEXUS_FAIL_INTERNAL,
    status: u32 = 0,
    retry_after_ms: u32 = 0,
    message: nexus_str = .{},
    body: nexus_str = .{},
    prompt_tokens: u64 = 0,
    completion_tokens: u64 = 0,
    cached_tokens: u64 = 0,
    flags: u32 = 0,
    reserved: u32 = 0,
    headers: [*c]const nexus_header = null,
    header_count: usize = 0,
};

pub const nexus_host = extern struct {
    abi_major: u16,
    abi_minor: u16,
    struct_size: u32,
    version: nexus_str,
    http_start: *const fn (nexus_task, [*c]const nexus_http_request, [*c]const nexus_http_handlers, ?*anyopaque, [*c]nexus_http) callconv(.c) nexus_status,
    http_cancel: *const fn (nexus_http) callconv(.c) nexus_status,
    exchange_begin: *const fn (nexus_task, [*c]const nexus_response_head) callconv(.c) nexus_status,
    exchange_write: *const fn (nexus_task, [*c]const u8, usize) callconv(.c) nexus_status,
    exchange_finish: *const fn (nexus_task, [*c]const nexus_outcome) callconv(.c) nexus_status,
    exchange_fail: *const fn (nexus_task, [*c]const nexus_failure) callconv(.c) nexus_status,
    extension: *const fn ([*c]const u8) callconv(.c) ?*const anyopaque,
    timer_start: *const fn (nexus_task, u32, nexus_timer_end, ?*anyopaque, [*c]nexus_timer) callconv(.c) nexus_status,
    timer_cancel: *const fn (nexus_timer) callconv(.c) nexus_status,
    run_blocking: *const fn (nexus_task, *const fn (?*anyopaque) callconv(.c) void, nexus_posted, ?*anyopaque) callconv(.c) nexus_status,
};

pub const nexus_action = extern struct {
    struct_size: u32 = @sizeOf(nexus_action),
    flags: u32 = 0,
    name: nexus_str = .{},
    help: nexus_str = .{},
    signature: nexus_str = .{},
    function: *const fn () callconv(.c) void,
};

pub const nexus_actions = extern struct {
    struct_size: u32 = @sizeOf(nexus_actions),
    reserved: u32 = 0,
    actions: [*c]const nexus_action = null,
    count: usize = 0,
    offers: ?*const fn (?*anyopaque, nexus_str) callconv(.c) i32 = null,
};

pub const nexus_progress = extern struct {
    struct_size: u32 = @sizeOf(nexus_progress),
    reserved: u32 = 0,
    done: u64 = 0,
    total: u64 = 0,
    message: nexus_str = .{},
};

pub const nexus_action_host = extern struct {
    struct_size: u32,
    reserved: u32,
    progress: *const fn (nexus_task, [*c]const nexus_progress) callconv(.c) nexus_status,
    result: *const fn (nexus_task, [*c]const u8, usize) callconv(.c) nexus_status,
    @"error": *const fn (nexus_task, [*c]const nexus_failure) callconv(.c) nexus_status,
    check: *const fn (nexus_task) callconv(.c) nexus_status,
    http: *const fn (nexus_task, [*c]const nexus_http_request, [*c]const nexus_http_handlers, ?*anyopaque) callconv(.c) nexus_status,
};

pub const nexus_backend_config = extern struct {
    struct_size: u32 = @sizeOf(nexus_backend_config),
    reserved: u32 = 0,
    name: nexus_str = .{},
    url: nexus_str = .{},
    api_key: nexus_str = .{},
    options: nexus_str = .{},
    api_keys: [*c]const nexus_str = null,
    api_key_count: usize = 0,
};

pub const nexus_adapter = extern struct {
    abi_major: u16 = NEXUS_ABI_MAJOR,
    abi_minor: u16 = NEXUS_ABI_MINOR,
    struct_size: u32 = @sizeOf(nexus_adapter),
    @"type": nexus_str = .{},
    display_name: nexus_str = .{},
    version: nexus_str = .{},
    options_schema: nexus_str = .{},
    default_urls: [*c]const nexus_str = null,
    default_url_count: usize = 0,
    kinds: u32 = 0,
    reserved: u32 = 0,
    create: *const fn ([*c]const nexus_backend_config, [*c]const nexus_host, [*c]const nexus_callbacks, [*c]?*anyopaque, [*c]nexus_message) callconv(.c) nexus_status,
    destroy: *const fn (?*anyopaque) callconv(.c) void,
    probe: *const fn (?*anyopaque, nexus_task) callconv(.c) void,
    submit: *const fn (?*anyopaque, nexus_task, [*c]const nexus_request) callconv(.c) nexus_status,
    cancel: ?*const fn (?*anyopaque, nexus_task) callconv(.c) void = null,
    extension: ?*const fn ([*c]const u8) callconv(.c) ?*const anyopaque = null,
};
