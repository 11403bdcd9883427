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
//! What is to be learned here: the table as a static, timers, ownership of what goes through a `user` pointer, and that no
//! panic crosses the border. `nexus_plugin.rs`, the ABI in Rust, is Nexus' own; `make` copies it to build/.

#[path = "build/nexus_plugin.rs"]
mod nexus_plugin;

use nexus_plugin::*;
use std::ffi::c_void;
use std::ptr::null;

// -------------------------------------------------------------------------------------------- an instance ----

/// One configured backend. Event loops use it at the same time: nothing of it changes after `create`.
struct Backend {
    host: *const nexus_host,
    callbacks: *const nexus_callbacks,
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

/// Here the operator reads what to change.
unsafe fn refuse(error: *mut nexus_message, text: &str) -> nexus_status {
    (*error).write(text);
    NEXUS_INVALID
}

unsafe extern "C" fn create(
    config: *const nexus_backend_config,
    host: *const nexus_host,
    callbacks: *const nexus_callbacks,
    instance: *mut *mut c_void,
    error: *mut nexus_message,
) -> nexus_status {
    guarded(NEXUS_FAILED, || {
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
            host,
            callbacks,
            words: answer.split_inclusive(' ').map(str::to_owned).collect(),
            milliseconds,
        };
        *instance = Box::into_raw(Box::new(backend)).cast();
        NEXUS_OK
    })
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    guarded((), || drop(Box::from_raw(instance.cast::<Backend>())))
}

/// There is no server: it is always healthy, and can say so at once.
unsafe extern "C" fn probe(instance: *mut c_void, _task: nexus_task) {
    guarded((), || {
        let backend = &*instance.cast::<Backend>();
        let model = nexus_model {
            id: nexus_str::of("pretend"),
            name: nexus_str::of("Pretended model"),
            context_length: 4096,
            ..nexus_model::NEW
        };
        ((*backend.callbacks).report_models)(&model, 1);
        let health = nexus_health {
            status: NEXUS_HEALTHY,
            latency_ms: 0.0,
            server: nexus_str::of("pretend 1.0"),
            ..nexus_health::NEW
        };
        ((*backend.callbacks).report_health)(&health);
    })
}

// -------------------------------------------------------------------------------------------- an exchange ----

/// One answer under way: owned by the timer's `user` pointer, and by nobody else.
struct Answer {
    backend: &'static Backend,
    task: nexus_task,
    model: String,
    stream: bool,
    /// Index of the next word.
    next: usize,
}

impl Answer {
    fn write(&self, text: &str) {
        unsafe { ((*self.backend.host).exchange_write)(self.task, text.as_ptr(), text.len()) };
    }

    fn event(&self, delta: &str, reason: &str) {
        self.write(&format!(
            "data: {{\"id\":\"pretend\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":{},\"choices\":\
             [{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}]}}\n\n",
            self.model
        ));
    }

    fn begin(&self) {
        unsafe { ((*self.backend.host).exchange_begin)(self.task, &nexus_response_head::NEW) };
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
        let outcome = nexus_outcome { completion_tokens: words.len() as u64, ..nexus_outcome::NEW };
        unsafe { ((*self.backend.host).exchange_finish)(self.task, &outcome) };
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
            if ((*host).timer_start)(task, milliseconds, time_is_up, user.cast(), &mut timer) != NEXUS_OK {
                // No call will come: it is ours again.
                drop(Box::from_raw(user));
                fail(host, task, "the host did not start a timer");
            }
        }
    }
}

/// The one call that follows a timer: it takes `user` back in any case. After a cancellation there is nothing more to
/// do.
unsafe extern "C" fn time_is_up(user: *mut c_void, _timer: nexus_timer, status: nexus_status) {
    guarded((), || {
        let answer = Box::from_raw(user.cast::<Answer>());
        if status == NEXUS_OK {
            answer.run();
        }
    })
}

unsafe fn fail(host: *const nexus_host, task: nexus_task, message: &'static str) {
    let failure = nexus_failure { kind: NEXUS_FAIL_INTERNAL, message: nexus_str::of(message), ..nexus_failure::NEW };
    ((*host).exchange_fail)(task, &failure);
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

unsafe extern "C" fn submit(instance: *mut c_void, task: nexus_task, request: *const nexus_request) -> nexus_status {
    guarded(NEXUS_FAILED, || {
        if (*request).kind != NEXUS_KIND_CHAT {
            return NEXUS_UNSUPPORTED;
        }
        Box::new(Answer {
            // The host destroys an instance only after its tasks have ended, so `static` is not too much.
            backend: &*instance.cast::<Backend>(),
            task,
            model: quoted((*request).model.bytes()),
            stream: (*request).flags & NEXUS_REQUEST_STREAM != 0,
            next: 0,
        })
        .run();
        NEXUS_OK
    })
}

// ---------------------------------------------------------------------------------------------- the table ----

static TABLE: nexus_adapter = nexus_adapter {
    abi_major: NEXUS_ABI_MAJOR,
    abi_minor: NEXUS_ABI_MINOR,
    struct_size: std::mem::size_of::<nexus_adapter>() as u32,
    r#type: nexus_str::of("pretend"),
    display_name: nexus_str::of("Pretended model"),
    version: nexus_str::of("1.0"),
    options_schema: nexus_str::of(
        r#"{"type":"object","additionalProperties":false,"properties":{
        "answer":{"type":"string","description":"what it says","default":"This is no model."},
        "milliseconds":{"type":"integer","description":"time for a word","minimum":0,"maximum":60000,"default":0}}}"#,
    ),
    default_urls: null(),
    default_url_count: 0,
    kinds: NEXUS_KIND_CHAT,
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
pub extern "C" fn nexus_adapter_v1(_host: *const nexus_host, _error: *mut nexus_message) -> *const nexus_adapter {
    &TABLE
}
