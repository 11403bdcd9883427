//! The ABI between the Nexus gateway (the host) and a backend adapter, for Rust: all of `nexus_plugin.h` under the same
//! names. That header is the manual. It says of each function which thread may call it, who owns which memory and what a
//! failure looks like; read its first 80 lines before anything else. What is declared here is layout alone, and a test of
//! Nexus holds it to the header: every constant, structure, field, type and function.
//!
//! Needs Rust 1.77 and no crates. Copy this file into your project, and put `mod nexus_plugin;` into its root.
//!
//! What is particular to Rust:
//!
//! - **Panics** must not cross the border: put the body of each function that the host calls into `guarded`.
//! - **User pointers**: give a `Box` as `Box::into_raw(it).cast()`. The last call takes it back with `Box::from_raw`; where
//!   a function that takes one did not return `NEXUS_OK`, no call comes and it is yours again.
//! - **References into tables of the host** are no good idea: an older host's may be shorter. Keep `*const nexus_host` and
//!   `*const nexus_callbacks`, read single fields, and ask `nexus_has!` for those that came after 1.0.
//! - **Structures that you fill**: `nexus_health { status: NEXUS_HEALTHY, ..nexus_health::NEW }` sets `struct_size`, and
//!   leaves all that you do not name unknown. `NEW` is a constant.
//! - **Text** that you are given lives for the duration of the call: `bytes` borrows it, and it is up to you not to keep it.

#![allow(non_camel_case_types, dead_code)]

use std::ffi::c_void;
use std::mem::size_of;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::null;

/// The version of these bindings. An adapter states the version that it was compiled with in its table.
pub const NEXUS_ABI_MAJOR: u16 = 1;
pub const NEXUS_ABI_MINOR: u16 = 3;

// Constants, in the order of the header.

pub const NEXUS_ENTRY_SYMBOL: &str = "nexus_adapter_v1";
pub const NEXUS_OK: nexus_status = 0;
pub const NEXUS_INVALID: nexus_status = -1;
pub const NEXUS_STALE: nexus_status = -2;
pub const NEXUS_WRONG_THREAD: nexus_status = -3;
pub const NEXUS_BAD_STATE: nexus_status = -4;
pub const NEXUS_TOO_LARGE: nexus_status = -5;
pub const NEXUS_UNSUPPORTED: nexus_status = -6;
pub const NEXUS_FAILED: nexus_status = -7;
pub const NEXUS_LIMIT_ID: usize = 256;
pub const NEXUS_LIMIT_MESSAGE: usize = 1024;
pub const NEXUS_LIMIT_SCHEMA: usize = 65536;
pub const NEXUS_LIMIT_MODELS: usize = 10000;
pub const NEXUS_LIMIT_WRITE: usize = 16777216;
pub const NEXUS_LIMIT_UNSENT: usize = 67108864;
pub const NEXUS_LIMIT_FAILURE_BODY: usize = 65536;
pub const NEXUS_LIMIT_RESULT: usize = 8388608;
pub const NEXUS_LIMIT_HTTP_BODY: usize = 67108864;
pub const NEXUS_LIMIT_HTTP_REQUESTS: usize = 16;
pub const NEXUS_LIMIT_TIMERS: usize = 16;
pub const NEXUS_LIMIT_POSTS: usize = 65536;
pub const NEXUS_LIMIT_BLOCKING: usize = 64;
pub const NEXUS_LIMIT_ACTIONS: usize = 64;
pub const NEXUS_LIMIT_PARAMETERS: usize = 12;
pub const NEXUS_LIMIT_KEYS: usize = 64;
pub const NEXUS_LIMIT_DETAILS: usize = 4096;
pub const NEXUS_LIMIT_TYPE: usize = 64;
pub const NEXUS_LIMIT_NAME: usize = 256;
pub const NEXUS_LIMIT_SERVER: usize = 128;
pub const NEXUS_LIMIT_DEFAULT_URLS: usize = 16;
pub const NEXUS_LIMIT_URL: usize = 256;
pub const NEXUS_LIMIT_CONTENT_TYPE: usize = 256;
pub const NEXUS_LIMIT_HTTP_HEADERS: usize = 64;
pub const NEXUS_LIMIT_HTTP_HEAD: usize = 65536;
pub const NEXUS_LIMIT_TIMER_MS: u32 = 86400000;
pub const NEXUS_LIMIT_ACTION_NAME: usize = 64;
pub const NEXUS_LIMIT_SIGNATURE: usize = 8192;
pub const NEXUS_LIMIT_STRUCT: usize = 4096;
pub const NEXUS_LIMIT_CREATE_MS: u32 = 10000;
pub const NEXUS_LIMIT_TIME: i64 = 253402300799;
pub const NEXUS_LIMIT_COUNT: u64 = 9007199254740992;
pub const NEXUS_LIMIT_ERROR_BODY: usize = 65536;
pub const NEXUS_LIMIT_ERROR_BODY_MS: u32 = 1000;
pub const NEXUS_LIMIT_PROBE_BODY: usize = 67108864;
pub const NEXUS_LIMIT_PASSED_HEADERS: usize = 32;
pub const NEXUS_LIMIT_PASSED_BYTES: usize = 8192;
pub const NEXUS_LIMIT_OFFERED_HEADERS: usize = 256;
pub const NEXUS_HEALTHY: nexus_health_status = 1;
pub const NEXUS_UNHEALTHY: nexus_health_status = 2;
pub const NEXUS_LOADING: nexus_health_status = 3;
pub const NEXUS_LOAD_UNKNOWN: u32 = u32::MAX;
pub const NEXUS_MODEL_VISION: u32 = 1;
pub const NEXUS_MODEL_TOOLS: u32 = 2;
pub const NEXUS_MODEL_JSON_MODE: u32 = 4;
pub const NEXUS_MODEL_THINKING: u32 = 8;
pub const NEXUS_MODEL_EMBEDDING: u32 = 16;
pub const NEXUS_MODEL_COMPLETION: u32 = 32;
pub const NEXUS_MODEL_STATE_UNKNOWN: nexus_model_state = 0;
pub const NEXUS_MODEL_LOADED: nexus_model_state = 1;
pub const NEXUS_MODEL_UNLOADED: nexus_model_state = 2;
pub const NEXUS_LOG_DEBUG: nexus_log_level = 1;
pub const NEXUS_LOG_INFO: nexus_log_level = 2;
pub const NEXUS_LOG_WARNING: nexus_log_level = 3;
pub const NEXUS_LOG_ERROR: nexus_log_level = 4;
pub const NEXUS_HEADERS_OF_CLIENTS: &str = "anthropic-beta anthropic-version openai-* traceparent tracestate user-agent";
pub const NEXUS_HEADERS_OF_SERVERS: &str = "anthropic-ratelimit-* openai-processing-ms openai-version ratelimit ratelimit-* request-id retry-after retry-after-ms x-accel-buffering x-rate-limit-* x-ratelimit-* x-request-id x-should-retry";
pub const NEXUS_HTTP_EXCHANGE_BODY: u32 = 1;
pub const NEXUS_HTTP_FROM_ROOT: u32 = 2;
pub const NEXUS_HTTP_COMPLETE: nexus_http_result = 0;
pub const NEXUS_HTTP_REFUSED: nexus_http_result = 1;
pub const NEXUS_HTTP_TIMED_OUT: nexus_http_result = 2;
pub const NEXUS_HTTP_CLOSED: nexus_http_result = 3;
pub const NEXUS_HTTP_GARBAGE: nexus_http_result = 4;
pub const NEXUS_HTTP_CANCELLED: nexus_http_result = 5;
pub const NEXUS_HTTP_END_REUSED: u32 = 1;
pub const NEXUS_KIND_CHAT: nexus_kind = 1;
pub const NEXUS_KIND_COMPLETIONS: nexus_kind = 2;
pub const NEXUS_KIND_EMBEDDINGS: nexus_kind = 4;
pub const NEXUS_KIND_RESPONSES: nexus_kind = 8;
pub const NEXUS_KIND_RERANK: nexus_kind = 16;
pub const NEXUS_KIND_AUDIO: nexus_kind = 32;
pub const NEXUS_KIND_IMAGES: nexus_kind = 64;
pub const NEXUS_KIND_MESSAGES: nexus_kind = 128;
pub const NEXUS_KIND_COUNT_TOKENS: nexus_kind = 256;
pub const NEXUS_KIND_OLLAMA: nexus_kind = 512;
pub const NEXUS_REQUEST_STREAM: u32 = 1;
pub const NEXUS_REQUEST_INCLUDE_USAGE: u32 = 2;
pub const NEXUS_REQUEST_TOOLS: u32 = 4;
pub const NEXUS_REQUEST_IMAGES: u32 = 8;
pub const NEXUS_TOKENS_UNKNOWN: u64 = u64::MAX;
pub const NEXUS_OUTCOME_ESTIMATED: u32 = 1;
pub const NEXUS_FAIL_CONNECT: nexus_failure_kind = 1;
pub const NEXUS_FAIL_TIMEOUT: nexus_failure_kind = 2;
pub const NEXUS_FAIL_UPSTREAM: nexus_failure_kind = 3;
pub const NEXUS_FAIL_BUSY: nexus_failure_kind = 4;
pub const NEXUS_FAIL_REJECTED: nexus_failure_kind = 5;
pub const NEXUS_FAIL_AUTH: nexus_failure_kind = 6;
pub const NEXUS_FAIL_UNSUPPORTED: nexus_failure_kind = 7;
pub const NEXUS_FAIL_INTERNAL: nexus_failure_kind = 8;
pub const NEXUS_ACTIONS: &str = "nexus.actions/1";
pub const NEXUS_ACTION_DESTRUCTIVE: u32 = 1;

pub type nexus_task = u64;
pub type nexus_http = u64;
pub type nexus_timer = u64;
pub type nexus_status = i32;
pub type nexus_health_status = u32;
pub type nexus_model_state = u32;
pub type nexus_log_level = u32;
pub type nexus_posted = unsafe extern "C" fn(*mut c_void, nexus_task, nexus_status);
pub type nexus_http_result = u32;
pub type nexus_kind = u32;
pub type nexus_failure_kind = u32;
pub type nexus_timer_end = unsafe extern "C" fn(*mut c_void, nexus_timer, nexus_status);
pub type nexus_adapter_entry = unsafe extern "C" fn(*const nexus_host, *mut nexus_message) -> *const nexus_adapter;

/// Borrowed text or bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_str {
    pub ptr: *const u8,
    pub len: usize,
}

/// Room for an error message that the caller of a function provides.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_message {
    pub ptr: *mut u8,
    pub capacity: usize,
    pub length: usize,
}

/// What a probe found.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_health {
    pub struct_size: u32,
    pub status: nexus_health_status,
    pub latency_ms: f64,
    pub message: nexus_str,
    pub server: nexus_str,
    // since 1.1
    pub kinds: u32,
    pub reserved: u32,
}

/// How busy a server is, other clients' requests included. Since 1.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_load {
    pub struct_size: u32,
    pub slots: u32,
    pub running: u32,
    pub waiting: u32,
    pub cache_use: f64,
}

/// A model of a server.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_model {
    pub struct_size: u32,
    pub capabilities: u32,
    pub id: nexus_str,
    pub name: nexus_str,
    pub context_length: u64,
    pub max_output_tokens: u64,
    pub created: i64,
    // since 1.1
    pub state: nexus_model_state,
    pub reserved: u32,
    pub loaded_until: i64,
    pub size: u64,
    pub memory: u64,
    pub device_memory: u64,
    pub details: nexus_str,
    // since 1.3
    pub told: u32,
    pub reserved_told: u32,
}

/// Callbacks bound to one backend. All are [any]: callable from any thread.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_callbacks {
    pub struct_size: u32,
    pub reserved: u32,
    pub report_health: unsafe extern "C" fn(*const nexus_health),
    pub report_models: unsafe extern "C" fn(*const nexus_model, usize),
    pub log: unsafe extern "C" fn(nexus_log_level, *const u8, usize),
    pub post: unsafe extern "C" fn(nexus_task, nexus_posted, *mut c_void) -> nexus_status,
    // since 1.1
    pub report_load: unsafe extern "C" fn(*const nexus_load),
}

/// A header field.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_header {
    pub name: nexus_str,
    pub value: nexus_str,
}

/// A request to the server.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_http_request {
    pub struct_size: u32,
    pub flags: u32,
    pub method: nexus_str,
    pub path: nexus_str,
    pub headers: *const nexus_header,
    pub header_count: usize,
    pub body: nexus_str,
    pub timeout_ms: u32,
    pub reserved: u32,
}

/// Status and header fields of the server's answer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_http_head {
    pub struct_size: u32,
    pub status: u32,
    pub headers: *const nexus_header,
    pub header_count: usize,
}

/// How an HTTP request ended.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_http_end {
    pub struct_size: u32,
    pub result: nexus_http_result,
    pub message: nexus_str,
    // since 1.2
    pub connected_us: u64,
    pub first_byte_us: u64,
    pub flags: u32,
    pub reserved: u32,
}

/// Events of one HTTP request: `on_head` at most once, `on_body` any number of times, `on_end` exactly once and last.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_http_handlers {
    pub struct_size: u32,
    pub reserved: u32,
    pub on_head: unsafe extern "C" fn(*mut c_void, nexus_http, *const nexus_http_head),
    pub on_body: unsafe extern "C" fn(*mut c_void, nexus_http, *const u8, usize),
    pub on_end: unsafe extern "C" fn(*mut c_void, nexus_http, *const nexus_http_end),
}

/// What a client asks for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_request {
    pub struct_size: u32,
    pub kind: nexus_kind,
    pub flags: u32,
    pub reserved: u32,
    pub model: nexus_str,
    pub body: nexus_str,
    pub request_id: nexus_str,
    // since 1.1
    pub path: nexus_str,
    pub content_type: nexus_str,
    // since 1.2
    pub deadline_ms: u64,
    pub headers: *const nexus_header,
    pub header_count: usize,
}

/// The start of an answer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_response_head {
    pub struct_size: u32,
    pub status: u32,
    pub content_type: nexus_str,
    // since 1.1
    pub warning: nexus_str,
    // since 1.2
    pub headers: *const nexus_header,
    pub header_count: usize,
}

/// How an exchange went well.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_outcome {
    pub struct_size: u32,
    pub reserved: u32,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub cached_tokens: u64,
    // since 1.1
    pub flags: u32,
    pub reserved2: u32,
    pub prompt_us: u64,
    pub completion_us: u64,
}

/// Why an exchange failed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_failure {
    pub struct_size: u32,
    pub kind: nexus_failure_kind,
    pub status: u32,
    pub retry_after_ms: u32,
    pub message: nexus_str,
    pub body: nexus_str,
    // since 1.2
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub cached_tokens: u64,
    pub flags: u32,
    pub reserved: u32,
    pub headers: *const nexus_header,
    pub header_count: usize,
}

/// The host's services. All but `extension` are [loop]: to be called on the loop of the task alone.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_host {
    pub abi_major: u16,
    pub abi_minor: u16,
    pub struct_size: u32,
    pub version: nexus_str,
    pub http_start: unsafe extern "C" fn(
        nexus_task,
        *const nexus_http_request,
        *const nexus_http_handlers,
        *mut c_void,
        *mut nexus_http,
    ) -> nexus_status,
    pub http_cancel: unsafe extern "C" fn(nexus_http) -> nexus_status,
    pub exchange_begin: unsafe extern "C" fn(nexus_task, *const nexus_response_head) -> nexus_status,
    pub exchange_write: unsafe extern "C" fn(nexus_task, *const u8, usize) -> nexus_status,
    pub exchange_finish: unsafe extern "C" fn(nexus_task, *const nexus_outcome) -> nexus_status,
    pub exchange_fail: unsafe extern "C" fn(nexus_task, *const nexus_failure) -> nexus_status,
    pub extension: unsafe extern "C" fn(*const u8) -> *const c_void,
    pub timer_start: unsafe extern "C" fn(nexus_task, u32, nexus_timer_end, *mut c_void, *mut nexus_timer) -> nexus_status,
    pub timer_cancel: unsafe extern "C" fn(nexus_timer) -> nexus_status,
    pub run_blocking:
        unsafe extern "C" fn(nexus_task, unsafe extern "C" fn(*mut c_void), nexus_posted, *mut c_void) -> nexus_status,
}

/// A command of an operator; see the header for signatures.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_action {
    pub struct_size: u32,
    pub flags: u32,
    pub name: nexus_str,
    pub help: nexus_str,
    pub signature: nexus_str,
    pub function: unsafe extern "C" fn(),
}

/// What `extension(NEXUS_ACTIONS)` of an adapter returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_actions {
    pub struct_size: u32,
    pub reserved: u32,
    pub actions: *const nexus_action,
    pub count: usize,
    pub offers: Option<unsafe extern "C" fn(*mut c_void, nexus_str) -> i32>,
}

/// How far an action is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_progress {
    pub struct_size: u32,
    pub reserved: u32,
    pub done: u64,
    pub total: u64,
    pub message: nexus_str,
}

/// What `extension(NEXUS_ACTIONS)` of the host returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_action_host {
    pub struct_size: u32,
    pub reserved: u32,
    pub progress: unsafe extern "C" fn(nexus_task, *const nexus_progress) -> nexus_status,
    pub result: unsafe extern "C" fn(nexus_task, *const u8, usize) -> nexus_status,
    pub error: unsafe extern "C" fn(nexus_task, *const nexus_failure) -> nexus_status,
    pub check: unsafe extern "C" fn(nexus_task) -> nexus_status,
    pub http:
        unsafe extern "C" fn(nexus_task, *const nexus_http_request, *const nexus_http_handlers, *mut c_void) -> nexus_status,
}

/// One configured backend, given to `create`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_backend_config {
    pub struct_size: u32,
    pub reserved: u32,
    pub name: nexus_str,
    pub url: nexus_str,
    pub api_key: nexus_str,
    pub options: nexus_str,
    // since 1.1
    pub api_keys: *const nexus_str,
    pub api_key_count: usize,
}

/// The adapter's table, which `nexus_adapter_v1` returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nexus_adapter {
    pub abi_major: u16,
    pub abi_minor: u16,
    pub struct_size: u32,
    pub r#type: nexus_str,
    pub display_name: nexus_str,
    pub version: nexus_str,
    pub options_schema: nexus_str,
    pub default_urls: *const nexus_str,
    pub default_url_count: usize,
    pub kinds: u32,
    pub reserved: u32,
    pub create: unsafe extern "C" fn(
        *const nexus_backend_config,
        *const nexus_host,
        *const nexus_callbacks,
        *mut *mut c_void,
        *mut nexus_message,
    ) -> nexus_status,
    pub destroy: unsafe extern "C" fn(*mut c_void),
    pub probe: unsafe extern "C" fn(*mut c_void, nexus_task),
    pub submit: unsafe extern "C" fn(*mut c_void, nexus_task, *const nexus_request) -> nexus_status,
    pub cancel: Option<unsafe extern "C" fn(*mut c_void, nexus_task)>,
    pub extension: Option<unsafe extern "C" fn(*const u8) -> *const c_void>,
}

// ---------------------------------------------------------------------------------------------- for Rust ----

/// Whether the side that filled a structure knows a field: `nexus_has!(request, nexus_request, headers)`, with a pointer.
#[allow(unused_macros)]
macro_rules! nexus_has {
    ($pointer:expr, $structure:ty, $field:ident) => {{
        let pointer: *const $structure = $pointer;
        let like = std::mem::MaybeUninit::<$structure>::uninit();
        let width = $crate::nexus_plugin::width(unsafe { std::ptr::addr_of!((*like.as_ptr()).$field) });
        let end = std::mem::offset_of!($structure, $field) + width;
        unsafe { std::ptr::addr_of!((*pointer).struct_size).read() as usize >= end }
    }};
}
#[allow(unused_imports)]
pub(crate) use nexus_has;

/// Bytes of what a pointer points to; it is not looked at.
pub const fn width<T>(_: *const T) -> usize {
    size_of::<T>()
}

/// Runs the body of a function that the host calls. A panic ends here: it becomes `otherwise`.
pub fn guarded<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}

impl nexus_str {
    /// No text.
    pub const EMPTY: nexus_str = nexus_str { ptr: null(), len: 0 };

    /// A constant text, for tables.
    pub const fn of(text: &'static str) -> nexus_str {
        nexus_str { ptr: text.as_ptr(), len: text.len() }
    }

    /// Borrows bytes, which have to live until the call that gets this has returned.
    pub const fn borrow(bytes: &[u8]) -> nexus_str {
        nexus_str { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// The bytes.
    ///
    /// # Safety
    /// They are valid for `'a`: of what the host gives, until the call that brought it has returned.
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.len == 0 {
            &[]
        } else {
            std::slice::from_raw_parts(self.ptr, self.len)
        }
    }
}

impl nexus_message {
    /// Says something in the room that the caller has provided; what does not fit is cut.
    ///
    /// # Safety
    /// It is what a function of the table was given, during that call.
    pub unsafe fn write(&mut self, text: &str) {
        let mut length = text.len().min(self.capacity);
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        std::ptr::copy_nonoverlapping(text.as_ptr(), self.ptr, length);
        self.length = length;
    }
}

/// Items of an array that the host gives, such as headers; of these a later version may have longer ones only where they have a
/// `struct_size`.
///
/// # Safety
/// `count` items are there, and are valid for `'a`.
pub unsafe fn items<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if count == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(first, count)
    }
}

impl nexus_health {
    pub const NEW: nexus_health = nexus_health {
        struct_size: size_of::<nexus_health>() as u32,
        status: NEXUS_UNHEALTHY,
        latency_ms: -1.0,
        message: nexus_str::EMPTY,
        server: nexus_str::EMPTY,
        kinds: 0,
        reserved: 0,
    };
}

impl nexus_load {
    pub const NEW: nexus_load = nexus_load {
        struct_size: size_of::<nexus_load>() as u32,
        slots: 0,
        running: NEXUS_LOAD_UNKNOWN,
        waiting: NEXUS_LOAD_UNKNOWN,
        cache_use: -1.0,
    };
}

impl nexus_model {
    pub const NEW: nexus_model = nexus_model {
        struct_size: size_of::<nexus_model>() as u32,
        capabilities: 0,
        id: nexus_str::EMPTY,
        name: nexus_str::EMPTY,
        context_length: 0,
        max_output_tokens: 0,
        created: 0,
        state: NEXUS_MODEL_STATE_UNKNOWN,
        reserved: 0,
        loaded_until: 0,
        size: 0,
        memory: 0,
        device_memory: u64::MAX,
        details: nexus_str::EMPTY,
        told: 0,
        reserved_told: 0,
    };
}

impl nexus_http_request {
    pub const NEW: nexus_http_request = nexus_http_request {
        struct_size: size_of::<nexus_http_request>() as u32,
        flags: 0,
        method: nexus_str::EMPTY,
        path: nexus_str::EMPTY,
        headers: null(),
        header_count: 0,
        body: nexus_str::EMPTY,
        timeout_ms: 0,
        reserved: 0,
    };
}

impl nexus_response_head {
    pub const NEW: nexus_response_head = nexus_response_head {
        struct_size: size_of::<nexus_response_head>() as u32,
        status: 200,
        content_type: nexus_str::EMPTY,
        warning: nexus_str::EMPTY,
        headers: null(),
        header_count: 0,
    };
}

impl nexus_outcome {
    pub const NEW: nexus_outcome = nexus_outcome {
        struct_size: size_of::<nexus_outcome>() as u32,
        reserved: 0,
        prompt_tokens: NEXUS_TOKENS_UNKNOWN,
        completion_tokens: NEXUS_TOKENS_UNKNOWN,
        cached_tokens: NEXUS_TOKENS_UNKNOWN,
        flags: 0,
        reserved2: 0,
        prompt_us: 0,
        completion_us: 0,
    };
}

impl nexus_failure {
    pub const NEW: nexus_failure = nexus_failure {
        struct_size: size_of::<nexus_failure>() as u32,
        kind: NEXUS_FAIL_INTERNAL,
        status: 0,
        retry_after_ms: 0,
        message: nexus_str::EMPTY,
        body: nexus_str::EMPTY,
        prompt_tokens: 0,
        completion_tokens: 0,
        cached_tokens: 0,
        flags: 0,
        reserved: 0,
        headers: null(),
        header_count: 0,
    };
}

impl nexus_progress {
    pub const NEW: nexus_progress = nexus_progress {
        struct_size: size_of::<nexus_progress>() as u32,
        reserved: 0,
        done: 0,
        total: 0,
        message: nexus_str::EMPTY,
    };
}

// A static may hold these: what they point to is never changed.
unsafe impl Sync for nexus_str {}
unsafe impl Sync for nexus_action {}
unsafe impl Sync for nexus_actions {}
unsafe impl Sync for nexus_adapter {}
