//! An exchange: a client's request is translated, sent, and what the server answers becomes an answer in OpenAI's shape. The
//! client asks for a whole answer or for a stream, and the server gives what it can: all four cases end here. It ends in
//! exactly one `exchange_finish` or `exchange_fail`.

use crate::headers::Headers;
use crate::json::{self, Json};
use crate::nexus_plugin::*;
use crate::protocol::{self, Piece, Refusal, Translation, ANSWER_PATH, STREAM_TYPE};
use crate::quoted::quoted;
use crate::{header, Backend};
use std::ffi::c_void;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

/// Of a whole answer, and of one line of a stream.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// One exchange, which `on_end` owns.
struct Exchange {
    /// The host destroys an instance only after its tasks have ended.
    backend: &'static Backend,
    task: nexus_task,
    /// The client.
    wants_stream: bool,
    /// At the end of a stream.
    wants_usage: bool,
    /// What the server sends.
    is_stream: bool,
    has_begun: bool,
    /// Finished or failed: whatever still comes is ignored.
    is_over: bool,
    // What is sent, kept for the case that the server refuses a key and another one is left.
    sent: Translation,
    sent_headers: Headers,
    key: usize,
    tried: usize,
    // What comes back.
    status: u32,
    headers: Headers,
    /// A whole answer, the body of an error, or a line that is not complete yet.
    held: Vec<u8>,
    /// The text so far, for a client that wants it whole.
    said: String,
    /// What each piece of the answer begins with: its id, its time and its model.
    start: String,
    outcome: nexus_outcome,
}

/// Refusing with words: `exchange_fail` says why, and `NEXUS_OK` that the exchange was ended. Any other status would end it as
/// well, but a client would only read that the adapter did not take its request.
pub unsafe fn begin(backend: &'static Backend, task: nexus_task, request: *const nexus_request) -> nexus_status {
    if (*request).kind != NEXUS_KIND_CHAT {
        return NEXUS_UNSUPPORTED; // the gateway never asks for another one
    }
    let wants_stream = (*request).flags & NEXUS_REQUEST_STREAM != 0;
    let body = json::parse((*request).body.bytes()).unwrap_or(Json::Null);
    let sent = match protocol::translate(&body, wants_stream && backend.streams()) {
        Ok(sent) => sent,
        Err(Refusal { kind, words }) => {
            let failure = nexus_failure { kind, message: nexus_str::borrow(words.as_bytes()), ..nexus_failure::NEW };
            ((*backend.host).exchange_fail)(task, &failure);
            return NEXUS_OK;
        }
    };
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let exchange = Box::new(Exchange {
        backend,
        task,
        wants_stream,
        wants_usage: (*request).flags & NEXUS_REQUEST_INCLUDE_USAGE != 0,
        is_stream: false,
        has_begun: false,
        is_over: false,
        sent,
        sent_headers: headers_to_send(request),
        key: backend.key.load(Ordering::Relaxed),
        tried: 0,
        status: 0,
        headers: Headers::default(),
        held: Vec::new(),
        said: String::new(),
        start: format!(
            "\"id\":{},\"created\":{seconds},\"model\":{}",
            quoted(&format!("chatcmpl-{}", String::from_utf8_lossy((*request).request_id.bytes()))),
            quoted(body.member("model").and_then(Json::text).unwrap_or("")),
        ),
        outcome: nexus_outcome::NEW,
    });
    // In case nothing was started no on_end comes, and what comes back here is dropped.
    ask(exchange).map_or(NEXUS_OK, |(status, _)| status)
}

/// Copies the headers that go with the request, whichever key does.
unsafe fn headers_to_send(request: *const nexus_request) -> Headers {
    let mut headers = vec![
        header("content-type", b"application/json"),
        header("accept", b"*/*"),
    ];
    if (*request).request_id.len > 0 {
        headers.push(nexus_header { name: nexus_str::of("x-request-id"), value: (*request).request_id });
    }
    // The client's own headers that may go to a server. A gateway from before ABI 1.2 does not give them.
    if nexus_has!(request, nexus_request, header_count) {
        headers.extend_from_slice(items((*request).headers, (*request).header_count));
    }
    Headers::copy(&headers)
}

/// Sends the request; from then on the host holds the exchange, until `on_end`. Gives it back if that did not begin.
unsafe fn ask(exchange: Box<Exchange>) -> Option<(nexus_status, Box<Exchange>)> {
    static HANDLERS: nexus_http_handlers = nexus_http_handlers {
        struct_size: std::mem::size_of::<nexus_http_handlers>() as u32,
        reserved: 0,
        on_head,
        on_body,
        on_end,
    };
    let mut headers = exchange.backend.own_headers(exchange.key);
    headers.extend(exchange.sent_headers.fields());
    let request = nexus_http_request {
        method: nexus_str::of("POST"),
        path: nexus_str::of(ANSWER_PATH),
        headers: headers.as_ptr(),
        header_count: headers.len(),
        body: nexus_str::borrow(exchange.sent.body.as_bytes()),
        ..nexus_http_request::NEW
    };
    let (task, host) = (exchange.task, exchange.backend.host);
    let user = Box::into_raw(exchange);
    let mut handle = 0;
    let status = ((*host).http_start)(task, &request, &HANDLERS, user.cast(), &mut handle);
    (status != NEXUS_OK).then(|| (status, Box::from_raw(user)))
}

// --------------------------------------------------------------------------------------------- HTTP events ----

unsafe extern "C" fn on_head(user: *mut c_void, _request: nexus_http, head: *const nexus_http_head) {
    guarded((), || {
        let exchange = &mut *user.cast::<Exchange>();
        exchange.status = (*head).status;
        exchange.headers = Headers::copy(items((*head).headers, (*head).header_count));
        let lines = STREAM_TYPE.as_bytes();
        exchange.is_stream = exchange
            .headers
            .find("content-type")
            .is_some_and(|kind| kind.len() >= lines.len() && kind[..lines.len()].eq_ignore_ascii_case(lines));
    })
}

unsafe extern "C" fn on_body(user: *mut c_void, _request: nexus_http, bytes: *const u8, length: usize) {
    guarded((), || (*user.cast::<Exchange>()).take_bytes(items(bytes, length)))
}

/// Always the last call for a request: takes back what the exchange needed, unless it is asked once more.
unsafe extern "C" fn on_end(user: *mut c_void, _request: nexus_http, end: *const nexus_http_end) {
    guarded((), || {
        let mut exchange = Box::from_raw(user.cast::<Exchange>());
        if exchange.is_over {
            return;
        }
        if (*end).result == NEXUS_HTTP_COMPLETE && exchange.goes_to_next_key() {
            let refused = std::mem::take(&mut exchange.status);
            match ask(exchange) {
                None => return,
                Some((_, back)) => exchange = back,
            }
            exchange.status = refused;
        }
        exchange.conclude(&*end);
    })
}

impl Exchange {
    /// Pieces of a body are cut anywhere: what is no whole line yet is held.
    fn take_bytes(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !self.is_over && self.is_stream && self.status <= 299 {
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { break };
            self.hold(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.held);
            if !self.is_over && !line.is_empty() {
                self.take(&line, "the server sent a line that is no piece of an answer");
            }
        }
        if !self.is_over {
            self.hold(rest);
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        if self.held.len() + bytes.len() > ANSWER_LIMIT {
            self.fail_broken("the server's answer is too large");
        } else {
            self.held.extend_from_slice(bytes);
        }
    }

    /// The server refuses this key or has enough of it: the next one is tried, once each.
    fn goes_to_next_key(&mut self) -> bool {
        let count = self.backend.authorizations.len();
        if !matches!(self.status, 401 | 403 | 429) || self.tried + 1 >= count {
            return false;
        }
        self.tried += 1;
        self.key = self.backend.next_key(self.key);
        self.held.clear();
        true
    }

    unsafe fn conclude(&mut self, end: &nexus_http_end) {
        let body = std::mem::take(&mut self.held);
        let words = String::from_utf8_lossy(end.message.bytes());
        if end.result == NEXUS_HTTP_CANCELLED {
            // The exchange is over already: no one is left to tell.
        } else if self.status > 299 {
            let words = json::parse(&body).as_ref().and_then(protocol::error);
            self.fail_told(self.status, words);
        } else if end.result == NEXUS_HTTP_REFUSED {
            self.fail(NEXUS_FAIL_CONNECT, &words);
        } else if end.result == NEXUS_HTTP_TIMED_OUT {
            self.fail(NEXUS_FAIL_TIMEOUT, &words);
        } else if end.result != NEXUS_HTTP_COMPLETE {
            self.fail(NEXUS_FAIL_UPSTREAM, &words);
        } else if self.is_stream && body.is_empty() {
            self.fail_broken("the server closed the stream before it was finished");
        } else {
            // A whole answer, or a last line without an end.
            self.take(&body, "the server's answer is none, or half of one");
            if !self.is_over {
                self.fail_broken("the server's answer ends before it is finished");
            }
        }
    }

    // ----------------------------------------------------------------------------- the answer, for OpenAI ----

    /// A line of the server's stream, or its whole answer: a client that wants a stream gets it at once, any other at the end.
    fn take(&mut self, bytes: &[u8], is_none: &str) {
        let Some(value) = json::parse(bytes) else { return self.fail_broken(is_none) };
        if let Some(words) = protocol::error(&value) {
            return self.fail_told(502, Some(words));
        }
        let Some(piece) = protocol::piece(&value) else { return self.fail_broken(is_none) };
        let Piece { text, finish_reason, prompt_tokens, completion_tokens } = piece;
        self.outcome.prompt_tokens = prompt_tokens.unwrap_or(self.outcome.prompt_tokens);
        self.outcome.completion_tokens = completion_tokens.unwrap_or(self.outcome.completion_tokens);
        match text {
            Some(text) if self.wants_stream => {
                let delta = format!("{{\"role\":\"assistant\",\"content\":{}}}", quoted(&text));
                self.put(&self.chunk(&delta, "null"));
            }
            Some(text) => self.said += &text,
            None => {}
        }
        if self.said.len() > ANSWER_LIMIT {
            return self.fail_broken("the server's answer is too large");
        }
        if let Some(reason) = finish_reason {
            let end = if self.wants_stream { self.end_of_stream(reason) } else { self.whole(reason) };
            self.put(&end);
            self.finish();
        }
    }

    fn chunk(&self, delta: &str, reason: &str) -> String {
        let start = &self.start;
        let choice = format!("{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}");
        format!("data: {{{start},\"object\":\"chat.completion.chunk\",\"choices\":[{choice}]}}\n\n")
    }

    fn end_of_stream(&self, reason: &str) -> String {
        let mut end = self.chunk("{}", &quoted(reason));
        if let Some(usage) = self.usage().filter(|_| self.wants_usage) {
            let start = &self.start;
            end += &format!("data: {{{start},\"object\":\"chat.completion.chunk\",\"choices\":[],{usage}}}\n\n");
        }
        end + "data: [DONE]\n\n"
    }

    fn whole(&self, reason: &str) -> String {
        let message = format!("{{\"role\":\"assistant\",\"content\":{}}}", quoted(&self.said));
        let choice = format!("{{\"index\":0,\"message\":{message},\"finish_reason\":{}}}", quoted(reason));
        let usage = self.usage().map_or(String::new(), |usage| format!(",{usage}"));
        format!("{{{},\"object\":\"chat.completion\",\"choices\":[{choice}]{usage}}}", self.start)
    }

    /// None: the server did not count.
    fn usage(&self) -> Option<String> {
        let (prompt, completion) = (self.outcome.prompt_tokens, self.outcome.completion_tokens);
        (prompt != NEXUS_TOKENS_UNKNOWN && completion != NEXUS_TOKENS_UNKNOWN).then(|| {
            let total = prompt.saturating_add(completion);
            format!("\"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{completion},\"total_tokens\":{total}}}")
        })
    }

    // --------------------------------------------------------------------------------------- what is told ----

    /// Until the first write the gateway may still try another backend, so nothing is written before there is something to say.
    fn put(&mut self, text: &str) {
        let host = self.backend.host;
        unsafe {
            if !self.has_begun {
                // What was left out of the request is told in x-nexus-warning. Of the server's headers the host takes those
                // that a client may see.
                let fields = self.headers.fields();
                let head = nexus_response_head {
                    warning: nexus_str::borrow(self.sent.dropped.as_bytes()),
                    headers: fields.as_ptr(),
                    header_count: fields.len(),
                    ..nexus_response_head::NEW
                };
                ((*host).exchange_begin)(self.task, &head);
                self.has_begun = true;
            }
            ((*host).exchange_write)(self.task, text.as_ptr(), text.len());
        }
    }

    fn finish(&mut self) {
        self.is_over = true;
        unsafe { ((*self.backend.host).exchange_finish)(self.task, &self.outcome) };
    }

    /// The server's answer is none.
    fn fail_broken(&mut self, message: &str) {
        self.fail(NEXUS_FAIL_UPSTREAM, message);
    }

    /// An error of the server, in its own words if it has any.
    fn fail_told(&mut self, status: u32, words: Option<String>) {
        let kind = kind_of(status);
        self.status = status;
        let message = match words {
            _ if kind == NEXUS_FAIL_AUTH => {
                format!("the server wants an API key or refuses the one it got (status {status}); see api_key_env")
            }
            Some(words) if !self.backend.shows_secret(&words) => words,
            _ => format!("the server answered with status {status}"),
        };
        self.fail(kind, &message);
    }

    /// Tells what is known of the exchange as well: the server's headers, for the client, and the tokens.
    fn fail(&mut self, kind: nexus_failure_kind, message: &str) {
        self.is_over = true;
        let fields = self.headers.fields();
        let failure = nexus_failure {
            kind,
            status: self.status,
            retry_after_ms: self.headers.retry_after_ms(),
            message: nexus_str::borrow(message.as_bytes()),
            prompt_tokens: self.outcome.prompt_tokens,
            completion_tokens: self.outcome.completion_tokens,
            headers: fields.as_ptr(),
            header_count: fields.len(),
            ..nexus_failure::NEW
        };
        unsafe { ((*self.backend.host).exchange_fail)(self.task, &failure) };
    }
}

/// Which failure an error answer is: it decides whether the gateway tries another backend, and what the client sees.
fn kind_of(status: u32) -> nexus_failure_kind {
    match status {
        401 | 403 => NEXUS_FAIL_AUTH,
        404 | 501 => NEXUS_FAIL_UNSUPPORTED, // the gateway passes a 404 on, and tries 501 elsewhere
        408 | 425 | 429 | 503 => NEXUS_FAIL_BUSY,
        504 => NEXUS_FAIL_TIMEOUT,
        400..=499 => NEXUS_FAIL_REJECTED,
        _ => NEXUS_FAIL_UPSTREAM,
    }
}
