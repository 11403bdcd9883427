//! An adapter in Rust, without crates: a pretended model, for testing clients without a server. It answers every chat
//! with the same text, whole or streamed word by word, as slowly as it is told to.
//!
//!     make && nexus adapters list --adapters-dir build
//!
//!     [[backends]]
//!     name = "pretend"
//!     type = "pretend"
//!     url = "http://127.0.0.1:9"           # not used
//!     options = { answer = "Hello there!", milliseconds = 50 }
//!
//! What is to be learned here: the header's structures as `repr(C)`, the table as a static, timers, ownership of what
//! goes through a `user` pointer, and that no panic crosses the border.

use std::ffi::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::null;

// ------------------------------------------------------------------------ what is used of nexus_plugin.h ----
// Order and types as in the header. A structure that the host fills may be declared up to the last field that is read;
// a structure that we fill has to be whole, or say in `struct_size` how far it goes.

#[repr(C)]
#[derive(Clone, Copy)]
struct Str {
    ptr: *const u8,
    len: usize,
}

impl Str {
    const fn of(text: &'static str) -> Str {
        Str { ptr: text.as_ptr(), len: text.len() }
    }

    /// # Safety
    /// The host's text, during the call that brought it.
    unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.len == 0 { &[] } else { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

type Task = u64;
type Status = i32;
const OK: Status = 0;
const INVALID: Status = -1;
const UNSUPPORTED: Status = -6;
const FAILED: Status = -7;
const HEALTHY: u32 = 1;
const KIND_CHAT: u32 = 1;
const REQUEST_STREAM: u32 = 1;
const FAIL_INTERNAL: u32 = 8;
const TOKENS_UNKNOWN: u64 = u64::MAX;

#[repr(C)]
struct Message {
    ptr: *mut u8,
    capacity: usize,
    length: usize,
}

#[repr(C)]
struct Health {
    struct_size: u32,
    status: u32,
    latency_ms: f64,
    message: Str,
    server: Str,
}

#[repr(C)]
struct Model {
    struct_size: u32,
    capabilities: u32,
    id: Str,
    name: Str,
    context_length: u64,
    max_output_tokens: u64,
    created: i64,
}

#[repr(C)]
struct Callbacks {
    struct_size: u32,
    reserved: u32,
    report_health: unsafe extern "C" fn(*const Health),
    report_models: unsafe extern "C" fn(*const Model, usize),
}

#[repr(C)]
struct ResponseHead {
    struct_size: u32,
    status: u32,
    content_type: Str,
}

#[repr(C)]
struct Outcome {
    struct_size: u32,
    reserved: u32,
    prompt_tokens: u64,
    completion_tokens: u64,
    cached_tokens: u64,
}

#[repr(C)]
struct Failure {
    struct_size: u32,
    kind: u32,
    status: u32,
    retry_after_ms: u32,
    message: Str,
    body: Str,
}

type TimerEnd = unsafe extern "C" fn(*mut c_void, u64, Status);

#[repr(C)]
struct Host {
    abi_major: u16,
    abi_minor: u16,
    struct_size: u32,
    version: Str,
    http_start: *const c_void, // not used here, so their types do not matter
    http_cancel: *const c_void,
    exchange_begin: unsafe extern "C" fn(Task, *const ResponseHead) -> Status,
    exchange_write: unsafe extern "C" fn(Task, *const u8, usize) -> Status,
    exchange_finish: unsafe extern "C" fn(Task, *const Outcome) -> Status,
    exchange_fail: unsafe extern "C" fn(Task, *const Failure) -> Status,
    extension: *const c_void,
    timer_start: unsafe extern "C" fn(Task, u32, TimerEnd, *mut c_void, *mut u64) -> Status,
}

#[repr(C)]
struct Config {
    struct_size: u32,
    reserved: u32,
    name: Str,
    url: Str,
    api_key: Str,
    options: Str,
}

#[repr(C)]
struct Request {
    struct_size: u32,
    kind: u32,
    flags: u32,
    reserved: u32,
    model: Str,
}

type Create =
    unsafe extern "C" fn(*const Config, *const Host, *const Callbacks, *mut *mut c_void, *mut Message) -> Status;

#[repr(C)]
pub struct Adapter {
    abi_major: u16,
    abi_minor: u16,
    struct_size: u32,
    type_name: Str,
    display_name: Str,
    version: Str,
    options_schema: Str,
    default_urls: *const Str,
    default_url_count: usize,
    kinds: u32,
    reserved: u32,
    create: Create,
    destroy: unsafe extern "C" fn(*mut c_void),
    probe: unsafe extern "C" fn(*mut c_void, Task),
    submit: unsafe extern "C" fn(*mut c_void, Task, *const Request) -> Status,
    cancel: Option<unsafe extern "C" fn(*mut c_void, Task)>,
    extension: Option<unsafe extern "C" fn(*const u8) -> *const c_void>,
}

// The pointers inside are to constants.
unsafe impl Sync for Adapter {}

const fn size<T>() -> u32 {
    std::mem::size_of::<T>() as u32
}

// The sizes of ABI 1.0: a mistake in a declaration above does not compile.
const _: () = assert!(size::<Adapter>() == 144 && size::<Health>() == 48 && size::<Model>() == 64);
const _: () = assert!(size::<Outcome>() == 32 && size::<Failure>() == 48 && size::<ResponseHead>() == 24);

/// A panic must not cross the border: it becomes a status, or nothing.
fn guarded<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}

// -------------------------------------------------------------------------------------------- an instance ----

/// One configured backend. Event loops use it at the same time: nothing of it changes after `create`.
struct Backend {
    host: &'static Host,
    callbacks: &'static Callbacks,
    /// The words of the answer as JSON text, each with the space before it.
    words: Vec<String>,
    milliseconds: u32,
}

/// The value of a member of a flat JSON object, as it is written. The host has checked that the options are what the
/// schema says: an object of one string and one integer.
fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = object.trim().strip_prefix('{')?;
    loop {
        let (key, behind) = token(rest)?;
        let (value, behind) = token(behind.trim_start().strip_prefix(':')?)?;
        if key.trim_matches('"') == name {
            return Some(value);
        }
        rest = behind.trim_start().strip_prefix(',')?;
    }
}

/// The string or number that `text` begins with, and what is behind it.
fn token(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = if text.starts_with('"') {
        let mut escaped = false;
        let end = text.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        end? + 2
    } else {
        text.find([',', ':', '}', ' ', '\n', '\t', '\r']).unwrap_or(text.len())
    };
    Some(text.split_at(end))
}

fn refuse(error: *mut Message, text: &str) -> Status {
    unsafe {
        let length = text.len().min((*error).capacity);
        std::ptr::copy_nonoverlapping(text.as_ptr(), (*error).ptr, length);
        (*error).length = length;
    }
    INVALID
}

unsafe extern "C" fn create(
    config: *const Config,
    host: *const Host,
    callbacks: *const Callbacks,
    instance: *mut *mut c_void,
    error: *mut Message,
) -> Status {
    guarded(FAILED, || {
        let options = String::from_utf8_lossy((*config).options.bytes());
        let mut answer = "This is no model.";
        let mut milliseconds = 0;
        if let Some(value) = member(&options, "answer") {
            if !value.starts_with('"') {
                return refuse(error, "options.answer must be a text");
            }
            answer = &value[1..value.len() - 1];
        }
        if let Some(value) = member(&options, "milliseconds") {
            match value.parse::<u32>() {
                Ok(number) if number <= 60_000 => milliseconds = number,
                _ => return refuse(error, "options.milliseconds must be a whole number from 0 to 60000"),
            }
        }
        let backend = Backend {
            host: &*host,
            callbacks: &*callbacks,
            words: answer.split_inclusive(' ').map(str::to_owned).collect(),
            milliseconds,
        };
        *instance = Box::into_raw(Box::new(backend)).cast();
        OK
    })
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    guarded((), || drop(Box::from_raw(instance.cast::<Backend>())))
}

/// There is no server: it is always healthy, and can say so at once.
unsafe extern "C" fn probe(instance: *mut c_void, _task: Task) {
    guarded((), || {
        let backend = &*instance.cast::<Backend>();
        let model = Model {
            struct_size: size::<Model>(),
            capabilities: 0,
            id: Str::of("pretend"),
            name: Str::of("Pretended model"),
            context_length: 4096,
            max_output_tokens: 0,
            created: 0,
        };
        (backend.callbacks.report_models)(&model, 1);
        let health = Health {
            struct_size: size::<Health>(),
            status: HEALTHY,
            latency_ms: 0.0,
            message: Str::of(""),
            server: Str::of("pretend 1.0"),
        };
        (backend.callbacks.report_health)(&health);
    })
}

// -------------------------------------------------------------------------------------------- an exchange ----

/// One answer under way: owned by the timer's `user` pointer, and by nobody else.
struct Answer {
    backend: &'static Backend,
    task: Task,
    model: String,
    stream: bool,
    /// Index of the next word.
    next: usize,
}

impl Answer {
    fn write(&self, text: &str) {
        unsafe { (self.backend.host.exchange_write)(self.task, text.as_ptr(), text.len()) };
    }

    fn event(&self, delta: &str, reason: &str) {
        self.write(&format!(
            "data: {{\"id\":\"pretend\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":{},\"choices\":\
             [{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}]}}\n\n",
            self.model
        ));
    }

    fn begin(&self) {
        let head = ResponseHead { struct_size: size::<ResponseHead>(), status: 200, content_type: Str::of("") };
        unsafe { (self.backend.host.exchange_begin)(self.task, &head) };
    }

    /// Says the next word. True: that was all, and the exchange has ended.
    fn step(&mut self) -> bool {
        let words = &self.backend.words;
        if self.next == 0 {
            self.begin();
        }
        if let Some(word) = words.get(self.next) {
            if self.stream {
                self.event(&format!("{{\"content\":\"{word}\"}}"), "null");
            }
            self.next += 1;
            if self.next < words.len() {
                return false;
            }
        }
        if self.stream {
            self.event("{}", "\"stop\"");
            self.write("data: [DONE]\n\n");
        } else {
            self.write(&format!(
                "{{\"id\":\"pretend\",\"object\":\"chat.completion\",\"created\":0,\"model\":{},\"choices\":[{{\
                 \"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"{}\"}},\"finish_reason\":\"stop\"}}]}}",
                self.model,
                words.concat()
            ));
        }
        let outcome = Outcome {
            struct_size: size::<Outcome>(),
            reserved: 0,
            prompt_tokens: TOKENS_UNKNOWN,
            completion_tokens: words.len() as u64,
            cached_tokens: TOKENS_UNKNOWN,
        };
        unsafe { (self.backend.host.exchange_finish)(self.task, &outcome) };
        true
    }

    /// Goes on until it has to wait; then the timer owns it.
    fn run(mut self: Box<Self>) {
        while !self.step() {
            if self.backend.milliseconds > 0 {
                return self.wait();
            }
        }
    }

    fn wait(self: Box<Self>) {
        let (host, task, milliseconds) = (self.backend.host, self.task, self.backend.milliseconds);
        let user = Box::into_raw(self);
        let mut timer = 0;
        unsafe {
            if (host.timer_start)(task, milliseconds, time_is_up, user.cast(), &mut timer) != OK {
                // No call will come: it is ours again.
                drop(Box::from_raw(user));
                fail(host, task, "the host did not start a timer");
            }
        }
    }
}

/// The one call that follows a timer: it takes `user` back in any case. After a cancellation there is nothing more to
/// do.
unsafe extern "C" fn time_is_up(user: *mut c_void, _timer: u64, status: Status) {
    guarded((), || {
        let answer = Box::from_raw(user.cast::<Answer>());
        if status == OK {
            answer.run();
        }
    })
}

unsafe fn fail(host: &Host, task: Task, message: &'static str) {
    let failure = Failure {
        struct_size: size::<Failure>(),
        kind: FAIL_INTERNAL,
        status: 0,
        retry_after_ms: 0,
        message: Str::of(message),
        body: Str::of(""),
    };
    (host.exchange_fail)(task, &failure);
}

/// A text as JSON.
fn quoted(bytes: &[u8]) -> String {
    let mut result = String::from("\"");
    for character in String::from_utf8_lossy(bytes).chars() {
        match character {
            '"' | '\\' => result.extend(['\\', character]),
            ' '.. => result.push(character),
            _ => result.push_str(&format!("\\u{:04x}", character as u32)),
        }
    }
    result + "\""
}

unsafe extern "C" fn submit(instance: *mut c_void, task: Task, request: *const Request) -> Status {
    guarded(FAILED, || {
        if (*request).kind != KIND_CHAT {
            return UNSUPPORTED;
        }
        Box::new(Answer {
            // The host destroys an instance only after its tasks have ended, so `static` is not too much.
            backend: &*instance.cast::<Backend>(),
            task,
            model: quoted((*request).model.bytes()),
            stream: (*request).flags & REQUEST_STREAM != 0,
            next: 0,
        })
        .run();
        OK
    })
}

// ---------------------------------------------------------------------------------------------- the table ----

static TABLE: Adapter = Adapter {
    abi_major: 1,
    abi_minor: 0,
    struct_size: size::<Adapter>(),
    type_name: Str::of("pretend"),
    display_name: Str::of("Pretended model"),
    version: Str::of("1.0"),
    options_schema: Str::of(
        r#"{"type":"object","additionalProperties":false,"properties":{
        "answer":{"type":"string","description":"what it says","default":"This is no model."},
        "milliseconds":{"type":"integer","description":"time for a word","minimum":0,"maximum":60000,"default":0}}}"#,
    ),
    default_urls: null(),
    default_url_count: 0,
    kinds: KIND_CHAT,
    reserved: 0,
    create,
    destroy,
    probe,
    submit,
    cancel: None,
    extension: None,
};

/// The one symbol that the file exports.
#[no_mangle]
pub extern "C" fn nexus_adapter_v1(_host: *const c_void, _error: *mut c_void) -> *const Adapter {
    &TABLE
}
