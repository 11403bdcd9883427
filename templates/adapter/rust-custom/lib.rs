//! {{name}}: an adapter for the Nexus gateway. This file: the table that the gateway reads, the options, and the life of an
//! instance. What the server is like stands in protocol.rs.

mod exchange;
mod headers;
mod json;
mod nexus_plugin;
mod probe;
mod protocol;
mod quoted;

use json::Json;
use nexus_plugin::*;
use std::ffi::c_void;
use std::ptr::null;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An instance: one configured backend. All event loops use it at once: nothing of it changes after `create`, but for the number
/// of the key in use.
pub struct Backend {
    pub host: *const nexus_host,
    pub callbacks: *const nexus_callbacks,
    pub options: Options,
    /// "Bearer ..." for each key.
    pub authorizations: Vec<Vec<u8>>,
    pub key: AtomicUsize,
}

// ------------------------------------------------------------------------------------------------ options ----

pub struct Options {
    streams: bool,
    /// Empty: none.
    access_token: String,
}

/// "writeOnly" marks a secret: the gateway hides its value wherever it would be shown.
const OPTIONS_SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"properties":{
    "streams":{"type":"boolean","default":true,"description":"false: the server cannot stream; it is asked for whole answers"},
    "access_token":{"type":"string","writeOnly":true,"description":"sent as x-access-token, for servers behind a gate of their own"}}}"#;

/// The host has checked the options against the schema; what a schema cannot say is checked here.
fn read_options(options: &[u8]) -> Result<Options, String> {
    let mut read = Options { streams: true, access_token: String::new() };
    if options.is_empty() {
        return Ok(read);
    }
    let Some(Json::Object(members)) = json::parse(options) else { return Err("options must be an object".to_owned()) };
    for (name, value) in members {
        match (name.as_str(), value) {
            ("streams", Json::Bool(streams)) => read.streams = streams,
            ("streams", _) => return Err("options.streams must be true or false".to_owned()),
            ("access_token", Json::Text(token)) if token.len() <= 1000 && !token.contains(['\r', '\n']) => {
                read.access_token = token;
            }
            // The words name the option and never its value.
            ("access_token", _) => return Err("options.access_token must be one line of at most 1000 characters".to_owned()),
            _ => return Err(format!("options.{name} is not known; known are: streams, access_token")),
        }
    }
    Ok(read)
}

// --------------------------------------------------------------------------------------------------- life ----

unsafe extern "C" fn create(
    config: *const nexus_backend_config,
    host: *const nexus_host,
    callbacks: *const nexus_callbacks,
    instance: *mut *mut c_void,
    error: *mut nexus_message,
) -> nexus_status {
    guarded(NEXUS_FAILED, || {
        let options = match read_options((*config).options.bytes()) {
            Ok(options) => options,
            Err(words) => {
                // Here the operator reads what to change.
                (*error).write(&words);
                return NEXUS_INVALID;
            }
        };
        // One key, several (since ABI 1.1), or none.
        let mut keys = vec![(*config).api_key];
        if nexus_has!(config, nexus_backend_config, api_key_count) && (*config).api_key_count > 1 {
            keys = items((*config).api_keys, (*config).api_key_count).to_vec();
        }
        let authorization = |key: &nexus_str| [b"Bearer ", key.bytes()].concat();
        let authorizations = keys.iter().filter(|key| key.len > 0).map(authorization).collect();
        let backend = Backend { host, callbacks, options, authorizations, key: AtomicUsize::new(0) };
        *instance = Box::into_raw(Box::new(backend)).cast();
        NEXUS_OK
    })
}

/// All tasks of the instance have ended before.
unsafe extern "C" fn destroy(instance: *mut c_void) {
    guarded((), || drop(Box::from_raw(instance.cast::<Backend>())))
}

unsafe extern "C" fn probe(instance: *mut c_void, task: nexus_task) {
    guarded((), || probe::begin(&*instance.cast::<Backend>(), task))
}

unsafe extern "C" fn submit(instance: *mut c_void, task: nexus_task, request: *const nexus_request) -> nexus_status {
    guarded(NEXUS_FAILED, || exchange::begin(&*instance.cast::<Backend>(), task, request))
}

// -------------------------------------------------------------------------------------------- shared parts ----

impl Backend {
    /// Whether to ask the server for a stream when the client wants one.
    pub fn streams(&self) -> bool {
        self.options.streams
    }

    /// The operator's own headers, and that of a key.
    pub fn own_headers(&self, key: usize) -> Vec<nexus_header> {
        let mut headers = Vec::new();
        if !self.options.access_token.is_empty() {
            headers.push(header("x-access-token", self.options.access_token.as_bytes()));
        }
        if let Some(authorization) = self.authorizations.get(key) {
            headers.push(header("authorization", authorization));
        }
        headers
    }

    /// The server refuses a key, or has enough of it: gives the next one, which others begin with, too.
    pub fn next_key(&self, key: usize) -> usize {
        let next = (key + 1) % self.authorizations.len();
        let _ = self.key.compare_exchange(key, next, Ordering::Relaxed, Ordering::Relaxed);
        next
    }

    /// Whether a text holds a secret of this backend. Servers like to repeat a key that they refuse: such a text goes nowhere.
    pub fn shows_secret(&self, text: &str) -> bool {
        let holds = |secret: &[u8]| !secret.is_empty() && text.as_bytes().windows(secret.len()).any(|part| part == secret);
        holds(self.options.access_token.as_bytes()) || self.authorizations.iter().any(|value| holds(&value[b"Bearer ".len()..]))
    }
}

/// Borrows both.
pub fn header(name: &'static str, value: &[u8]) -> nexus_header {
    nexus_header { name: nexus_str::of(name), value: nexus_str::borrow(value) }
}

// -------------------------------------------------------------------------------------------------- table ----

static TABLE: nexus_adapter = nexus_adapter {
    abi_major: NEXUS_ABI_MAJOR,
    abi_minor: NEXUS_ABI_MINOR,
    struct_size: std::mem::size_of::<nexus_adapter>() as u32,
    r#type: nexus_str::of("{{name}}"),
    display_name: nexus_str::of("{{name}}"),
    version: nexus_str::of("0.1.0"),
    options_schema: nexus_str::of(OPTIONS_SCHEMA),
    // Where the gateway looks for such servers when nothing is configured: leave it out until that is wanted.
    default_urls: null(),
    default_url_count: 0,
    // Chats alone: clients of Anthropic's and Ollama's APIs are translated to these before they come here.
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
