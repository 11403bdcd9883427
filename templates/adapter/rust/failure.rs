//! Which failure is which: it decides whether the gateway tries another backend, and what the client sees.

use crate::json::{self, Json};
use crate::nexus_plugin::*;
use crate::Backend;

/// A failure with its words.
pub struct Failure {
    pub kind: nexus_failure_kind,
    /// The server's; 0: none.
    pub status: u32,
    pub retry_after_ms: u32,
    pub message: String,
    /// The server's own error answer, for the client; empty: none.
    pub body: Vec<u8>,
}

impl Failure {
    pub fn new(message: &str) -> Failure {
        Failure { kind: NEXUS_FAIL_INTERNAL, status: 0, retry_after_ms: 0, message: message.to_owned(), body: Vec::new() }
    }
}

fn kind_of(status: u32) -> nexus_failure_kind {
    match status {
        401 | 403 => NEXUS_FAIL_AUTH,
        404 | 501 => NEXUS_FAIL_UNSUPPORTED, // the gateway passes a 404 on, and tries 501 elsewhere
        408 | 429 | 503 => NEXUS_FAIL_BUSY,
        504 => NEXUS_FAIL_TIMEOUT,
        400..=499 => NEXUS_FAIL_REJECTED,
        _ => NEXUS_FAIL_UPSTREAM,
    }
}

/// What a server says in an answer that is an error.
pub struct Told {
    pub message: String,
    /// That the error names itself.
    pub status: Option<u32>,
}

/// Reads {"error":{"message":"..."}} and {"error":"..."}. None: the value is no error.
pub fn told(value: &Json) -> Option<Told> {
    match value.member("error")? {
        Json::Text(text) => Some(Told { message: text.clone(), status: None }),
        error @ Json::Object(_) => {
            let words = error.member("message").and_then(Json::text).filter(|text| !text.is_empty());
            let code = error.member("code").and_then(Json::count).filter(|code| (400..=599).contains(code));
            Some(Told {
                message: words.unwrap_or("the server reported an error without a message").to_owned(),
                status: code.map(|code| code as u32),
            })
        }
        _ => None,
    }
}

/// The failure that an error answer is.
pub fn of_answer(backend: &Backend, status: u32, body: &[u8]) -> Failure {
    let told = json::parse(body).as_ref().and_then(told);
    let key = &backend.api_key;
    // Servers like to repeat a key they refuse: nothing that holds it goes on.
    let shows_key = !key.is_empty() && body.windows(key.len()).any(|part| part == key);
    let mut failure = Failure { kind: kind_of(status), status, ..Failure::new("") };
    match told {
        _ if failure.kind == NEXUS_FAIL_AUTH => {
            failure.message =
                format!("the server wants an API key or refuses the one it got (status {status}); see api_key_env");
        }
        Some(told) if !shows_key => {
            failure.message = told.message;
            failure.body = body.to_vec();
        }
        _ => failure.message = format!("the server answered with status {status}"),
    }
    failure
}

/// The failure of an HTTP request that did not end well.
///
/// # Safety
/// During the call that brought it.
pub unsafe fn of_end(end: &nexus_http_end) -> Failure {
    let kind = match end.result {
        NEXUS_HTTP_REFUSED => NEXUS_FAIL_CONNECT,
        NEXUS_HTTP_TIMED_OUT => NEXUS_FAIL_TIMEOUT,
        _ => NEXUS_FAIL_UPSTREAM,
    };
    Failure { kind, ..Failure::new(&String::from_utf8_lossy(end.message.bytes())) }
}
