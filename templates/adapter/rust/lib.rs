//! {{name}}: an adapter for the Nexus gateway. This file: the table that the gateway reads, and the life of an instance.

mod events;
mod exchange;
mod failure;
mod headers;
mod json;
mod nexus_plugin;
mod probe;

use json::Json;
use nexus_plugin::*;
use std::ffi::c_void;
use std::ptr::null;

/// An instance: one configured backend. Nothing of it changes after `create`, so all event loops may read it at once.
pub struct Backend {
    pub host: *const nexus_host,
    pub callbacks: *const nexus_callbacks,
    /// Empty without one.
    pub api_key: Vec<u8>,
    /// "Bearer ...", or empty.
    authorization: Vec<u8>,
    pub models_path: String,
    pub chat_path: String,
}

// ------------------------------------------------------------------------------------------------ options ----

/// The host has checked the options against the schema below; what a schema cannot say is checked here.
fn path_prefix(options: &[u8]) -> Result<String, String> {
    let mut prefix = "/v1".to_owned();
    if options.is_empty() {
        return Ok(prefix);
    }
    let Some(Json::Object(members)) = json::parse(options) else { return Err("options must be an object".to_owned()) };
    for (name, value) in members {
        match (name.as_str(), value) {
            ("path_prefix", Json::Text(text)) if text.is_empty() || text.starts_with('/') && !text.ends_with('/') => {
                prefix = text;
            }
            ("path_prefix", _) => {
                return Err("options.path_prefix must be a text like \"/v1\", without a slash at its end, or empty".to_owned())
            }
            _ => return Err(format!("options.{name} is not known; known are: path_prefix")),
        }
    }
    Ok(prefix)
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
        let prefix = match path_prefix((*config).options.bytes()) {
            Ok(prefix) => prefix,
            Err(words) => {
                // Here the operator reads what to change.
                (*error).write(&words);
                return NEXUS_INVALID;
            }
        };
        let api_key = (*config).api_key.bytes().to_vec();
        let authorization = if api_key.is_empty() { Vec::new() } else { [b"Bearer ", &api_key[..]].concat() };
        let backend = Backend {
            host,
            callbacks,
            api_key,
            authorization,
            models_path: format!("{prefix}/models"),
            chat_path: format!("{prefix}/chat/completions"),
        };
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
    /// The headers of a request to the server.
    ///
    /// # Safety
    /// `request` is what the client asked for, during that call; null for a probe.
    pub unsafe fn request_headers(&self, request: *const nexus_request) -> Vec<nexus_header> {
        let mut headers = vec![header("accept", b"application/json, text/event-stream")];
        if !self.authorization.is_empty() {
            headers.push(header("authorization", &self.authorization));
        }
        if request.is_null() {
            return headers;
        }
        headers.push(header("content-type", b"application/json"));
        let id = (*request).request_id;
        if id.len > 0 {
            headers.push(nexus_header { name: nexus_str::of("x-request-id"), value: id });
        }
        // The client's own headers that may go to a server. A gateway from before ABI 1.2 does not give them.
        if nexus_has!(request, nexus_request, header_count) {
            headers.extend_from_slice(items((*request).headers, (*request).header_count));
        }
        headers
    }
}

/// Borrows both.
fn header(name: &'static str, value: &[u8]) -> nexus_header {
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
    options_schema: nexus_str::of(
        r#"{"type":"object","additionalProperties":false,"properties":{
        "path_prefix":{"type":"string","description":"before /models and /chat/completions","default":"/v1"}}}"#,
    ),
    // Where the gateway looks for such servers when nothing is configured: leave it out until that is wanted.
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
