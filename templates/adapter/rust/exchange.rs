//! An exchange: a client's request goes to the server as it is, and the answer comes back as it is. On the way the adapter
//! looks at the answer, so that an error fails the exchange, a broken stream never looks like a whole one, and tokens are
//! counted. It ends in exactly one `exchange_finish` or `exchange_fail`.

use crate::events::{Event, Events};
use crate::failure::{self, Failure};
use crate::headers::Headers;
use crate::json::{self, Json};
use crate::nexus_plugin::*;
use crate::Backend;
use std::ffi::c_void;

/// Of a whole answer, and of one event of a stream.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// One exchange, which `on_end` owns.
struct Exchange {
    /// The host destroys an instance only after its tasks have ended.
    backend: &'static Backend,
    task: nexus_task,
    wants_stream: bool,
    /// The server sends one.
    is_stream: bool,
    has_begun: bool,
    /// Finished or failed: whatever still comes is ignored.
    is_over: bool,
    status: u32,
    /// The server's.
    headers: Headers,
    /// A whole answer, or the body of an error.
    held: Vec<u8>,
    events: Events,
    outcome: nexus_outcome,
}

pub unsafe fn begin(backend: &'static Backend, task: nexus_task, request: *const nexus_request) -> nexus_status {
    static HANDLERS: nexus_http_handlers = nexus_http_handlers {
        struct_size: std::mem::size_of::<nexus_http_handlers>() as u32,
        reserved: 0,
        on_head,
        on_body,
        on_end,
    };
    if (*request).kind != NEXUS_KIND_CHAT {
        return NEXUS_UNSUPPORTED;
    }
    let headers = backend.request_headers(request);
    // NEXUS_HTTP_EXCHANGE_BODY: the client's body, with the model's name as this backend knows it.
    let upstream = nexus_http_request {
        flags: NEXUS_HTTP_EXCHANGE_BODY,
        method: nexus_str::of("POST"),
        path: nexus_str::borrow(backend.chat_path.as_bytes()),
        headers: headers.as_ptr(),
        header_count: headers.len(),
        ..nexus_http_request::NEW
    };
    let user = Box::into_raw(Box::new(Exchange {
        backend,
        task,
        wants_stream: (*request).flags & NEXUS_REQUEST_STREAM != 0,
        is_stream: false,
        has_begun: false,
        is_over: false,
        status: 0,
        headers: Headers::default(),
        held: Vec::new(),
        events: Events::new(ANSWER_LIMIT),
        outcome: nexus_outcome::NEW,
    }));
    let mut handle = 0;
    let status = ((*backend.host).http_start)(task, &upstream, &HANDLERS, user.cast(), &mut handle);
    if status != NEXUS_OK {
        // Nothing was started, so no on_end comes.
        drop(Box::from_raw(user));
    }
    status
}

// --------------------------------------------------------------------------------------------- HTTP events ----

unsafe extern "C" fn on_head(user: *mut c_void, _request: nexus_http, head: *const nexus_http_head) {
    guarded((), || {
        let exchange = &mut *user.cast::<Exchange>();
        exchange.status = (*head).status;
        exchange.headers = Headers::copy(items((*head).headers, (*head).header_count));
        exchange.is_stream = exchange
            .headers
            .find("content-type")
            .is_some_and(|kind| kind.len() >= 17 && kind[..17].eq_ignore_ascii_case(b"text/event-stream"));
    })
}

unsafe extern "C" fn on_body(user: *mut c_void, _request: nexus_http, bytes: *const u8, length: usize) {
    guarded((), || {
        let exchange = &mut *user.cast::<Exchange>();
        if !exchange.is_over {
            exchange.take(items(bytes, length));
        }
    })
}

/// Always the last call: takes back what the exchange needed.
unsafe extern "C" fn on_end(user: *mut c_void, _request: nexus_http, end: *const nexus_http_end) {
    guarded((), || {
        let mut exchange = Box::from_raw(user.cast::<Exchange>());
        if !exchange.is_over {
            exchange.conclude(&*end);
        }
    })
}

impl Exchange {
    fn take(&mut self, bytes: &[u8]) {
        if self.status > 299 {
            // Of an error the first part will do.
            let room = NEXUS_LIMIT_FAILURE_BODY - self.held.len();
            self.held.extend_from_slice(&bytes[..bytes.len().min(room)]);
        } else if self.is_stream && self.wants_stream {
            self.take_events(bytes);
        } else if self.held.len() + bytes.len() > ANSWER_LIMIT {
            self.end_broken("the server's answer is too large");
        } else {
            self.held.extend_from_slice(bytes);
        }
    }

    unsafe fn conclude(&mut self, end: &nexus_http_end) {
        if end.result == NEXUS_HTTP_CANCELLED {
            return; // the exchange is over already: no one is left to tell
        }
        let body = std::mem::take(&mut self.held);
        if self.status > 299 {
            let mut failure = failure::of_answer(self.backend, self.status, &body);
            failure.retry_after_ms = self.headers.retry_after_ms();
            self.end_failed(failure);
        } else if end.result != NEXUS_HTTP_COMPLETE {
            self.end_failed(failure::of_end(end));
        } else if self.is_stream && self.wants_stream {
            self.take_events(b"\n\n"); // the last event may lack its empty line
            if !self.is_over {
                self.end_broken("the server closed the stream before it was finished");
            }
        } else {
            self.conclude_whole(&body);
        }
    }

    fn conclude_whole(&mut self, body: &[u8]) {
        match json::parse(body) {
            Some(answer @ Json::Object(_)) => {
                if self.is_error(&answer, body) {
                    return;
                }
                if self.wants_stream || self.is_stream {
                    return self.end_broken("the server did not answer in the way that was asked for: streamed or whole");
                }
                self.count_tokens(&answer);
                self.pass_on(body);
                self.end_well();
            }
            _ => self.end_broken("the server's answer is no JSON object"),
        }
    }

    // ------------------------------------------------------------------------------------------- a stream ----

    fn take_events(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !self.is_over {
            match self.events.next(&mut rest) {
                Ok(Some(event)) => self.take_event(&event),
                Ok(None) => return,
                Err(_) => return self.end_broken("the server sent an event that is too large"),
            }
        }
    }

    fn take_event(&mut self, event: &Event) {
        let Some(data) = &event.data else {
            // A comment keeps a connection alive. Before the first event it would only take the gateway's chance to try
            // elsewhere.
            if self.has_begun {
                self.pass_on(&event.text);
            }
            return;
        };
        if data.starts_with(b"[DONE]") {
            self.pass_on(&event.text);
            self.end_well();
        } else if let Some(value) = json::parse(data) {
            if !self.is_error(&value, data) {
                self.count_tokens(&value);
                self.pass_on(&event.text);
            }
        } else {
            self.end_broken("the server sent an event that is no JSON, or half of one");
        }
    }

    // --------------------------------------------------------------------------------------- what is told ----

    fn pass_on(&mut self, bytes: &[u8]) {
        let host = self.backend.host;
        unsafe {
            if !self.has_begun {
                let fields = self.headers.fields();
                let head = nexus_response_head {
                    status: self.status,
                    headers: fields.as_ptr(),
                    header_count: fields.len(),
                    ..nexus_response_head::NEW
                };
                ((*host).exchange_begin)(self.task, &head);
                self.has_begun = true;
            }
            ((*host).exchange_write)(self.task, bytes.as_ptr(), bytes.len());
        }
    }

    /// Takes the token counts of an answer or of an event, if it has any.
    fn count_tokens(&mut self, answer: &Json) {
        let Some(usage @ Json::Object(_)) = answer.member("usage") else { return };
        let count = |from: &Json, name| from.member(name).and_then(Json::count);
        let outcome = &mut self.outcome;
        outcome.prompt_tokens = count(usage, "prompt_tokens").unwrap_or(outcome.prompt_tokens);
        outcome.completion_tokens = count(usage, "completion_tokens").unwrap_or(outcome.completion_tokens);
        if let Some(details) = usage.member("prompt_tokens_details") {
            outcome.cached_tokens = count(details, "cached_tokens").unwrap_or(outcome.cached_tokens);
        }
    }

    /// Fails the exchange if this is an error inside an answer that claims to be none.
    fn is_error(&mut self, value: &Json, bytes: &[u8]) -> bool {
        let Some(told) = failure::told(value) else { return false };
        let failure = failure::of_answer(self.backend, told.status.unwrap_or(502), bytes);
        self.end_failed(failure);
        true
    }

    /// The server's answer is none.
    fn end_broken(&mut self, message: &str) {
        self.end_failed(Failure { kind: NEXUS_FAIL_UPSTREAM, status: self.status, ..Failure::new(message) });
    }

    /// Completes the failure with what is known of the exchange: the server's headers, for the client, and the tokens.
    fn end_failed(&mut self, failure: Failure) {
        self.is_over = true;
        let fields = self.headers.fields();
        let told = nexus_failure {
            kind: failure.kind,
            status: failure.status,
            retry_after_ms: failure.retry_after_ms,
            message: nexus_str::borrow(failure.message.as_bytes()),
            body: nexus_str::borrow(&failure.body),
            prompt_tokens: self.outcome.prompt_tokens,
            completion_tokens: self.outcome.completion_tokens,
            cached_tokens: self.outcome.cached_tokens,
            headers: fields.as_ptr(),
            header_count: fields.len(),
            ..nexus_failure::NEW
        };
        unsafe { ((*self.backend.host).exchange_fail)(self.task, &told) };
    }

    fn end_well(&mut self) {
        self.is_over = true;
        unsafe { ((*self.backend.host).exchange_finish)(self.task, &self.outcome) };
    }
}
