//! A probe: is the server up, and which models has it? It leads to exactly one report of health, models before it.

use crate::nexus_plugin::*;
use crate::protocol::{self, MODELS_PATH};
use crate::{header, json, Backend};
use std::ffi::c_void;
use std::sync::atomic::Ordering;

const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// What one probe needs until `on_end`, which owns it.
struct Asking {
    /// The host destroys an instance only after its tasks have ended.
    backend: &'static Backend,
    task: nexus_task,
    key: usize,
    tried: usize,
    status: u32,
    is_cut: bool,
    body: Vec<u8>,
}

pub unsafe fn begin(backend: &'static Backend, task: nexus_task) {
    let key = backend.key.load(Ordering::Relaxed);
    let asking = Asking { backend, task, key, tried: 0, status: 0, is_cut: false, body: Vec::new() };
    if !ask(Box::new(asking)) {
        report(backend, NEXUS_UNHEALTHY, "the host did not send the request of a probe");
    }
}

/// False: nothing was started, so no `on_end` comes.
unsafe fn ask(asking: Box<Asking>) -> bool {
    static HANDLERS: nexus_http_handlers = nexus_http_handlers {
        struct_size: std::mem::size_of::<nexus_http_handlers>() as u32,
        reserved: 0,
        on_head,
        on_body,
        on_end,
    };
    let (backend, task) = (asking.backend, asking.task);
    let mut headers = backend.own_headers(asking.key);
    headers.push(header("accept", b"application/json"));
    let request = nexus_http_request {
        method: nexus_str::of("GET"),
        path: nexus_str::of(MODELS_PATH),
        headers: headers.as_ptr(),
        header_count: headers.len(),
        ..nexus_http_request::NEW
    };
    let user = Box::into_raw(asking);
    let mut handle = 0;
    let status = ((*backend.host).http_start)(task, &request, &HANDLERS, user.cast(), &mut handle);
    if status != NEXUS_OK {
        drop(Box::from_raw(user));
    }
    status == NEXUS_OK
}

unsafe extern "C" fn on_head(user: *mut c_void, _request: nexus_http, head: *const nexus_http_head) {
    guarded((), || (*user.cast::<Asking>()).status = (*head).status)
}

unsafe extern "C" fn on_body(user: *mut c_void, _request: nexus_http, bytes: *const u8, length: usize) {
    guarded((), || {
        let asking = &mut *user.cast::<Asking>();
        if asking.body.len() + length > BODY_LIMIT {
            asking.is_cut = true;
        } else {
            asking.body.extend_from_slice(items(bytes, length));
        }
    })
}

/// Always the last call: takes back what the probe needed.
unsafe extern "C" fn on_end(user: *mut c_void, _request: nexus_http, end: *const nexus_http_end) {
    guarded((), || {
        let asking = Box::from_raw(user.cast::<Asking>());
        // Another key may be good, where the server refuses this one.
        let is_refused = (*end).result == NEXUS_HTTP_COMPLETE && matches!(asking.status, 401 | 403);
        if is_refused && asking.tried + 1 < asking.backend.authorizations.len() {
            let key = asking.backend.next_key(asking.key);
            let again = Asking { key, tried: asking.tried + 1, status: 0, is_cut: false, body: Vec::new(), ..*asking };
            if ask(Box::new(again)) {
                return;
            }
        }
        conclude(&asking, &*end)
    })
}

unsafe fn conclude(asking: &Asking, end: &nexus_http_end) {
    let (backend, path, status) = (asking.backend, MODELS_PATH, asking.status);
    if end.result == NEXUS_HTTP_CANCELLED {
        return; // the probe is over already
    }
    let problem = if end.result != NEXUS_HTTP_COMPLETE {
        format!("GET {path}: {}", String::from_utf8_lossy(end.message.bytes()))
    } else if status == 401 || status == 403 {
        format!("GET {path}: the server refuses the API key (status {status}); set api_key_env to the variable that holds it")
    } else if !(200..=299).contains(&status) {
        format!("GET {path} answered with status {status}")
    } else if asking.is_cut || !report_models(backend, &asking.body) {
        format!("GET {path} did not answer with a list of models; is url right?")
    } else {
        return report(backend, NEXUS_HEALTHY, "");
    };
    report(backend, NEXUS_UNHEALTHY, &problem);
}

unsafe fn report(backend: &Backend, status: nexus_health_status, message: &str) {
    let health = nexus_health { status, message: nexus_str::borrow(message.as_bytes()), ..nexus_health::NEW };
    ((*backend.callbacks).report_health)(&health);
}

/// False: the answer is no list of models.
unsafe fn report_models(backend: &Backend, body: &[u8]) -> bool {
    let Some(told) = json::parse(body).as_ref().and_then(protocol::models) else { return false };
    let model = |model: &protocol::Model| nexus_model {
        id: nexus_str::borrow(model.name.as_bytes()),
        context_length: model.context,
        // What `told` names and `capabilities` does not, the model certainly lacks: requests that need it go elsewhere, and if
        // all backends lack it they are refused, before they come here.
        capabilities: NEXUS_MODEL_COMPLETION,
        told: NEXUS_MODEL_COMPLETION
            | NEXUS_MODEL_VISION
            | NEXUS_MODEL_TOOLS
            | NEXUS_MODEL_JSON_MODE
            | NEXUS_MODEL_EMBEDDING,
        ..nexus_model::NEW
    };
    let models: Vec<nexus_model> = told.iter().map(model).collect();
    ((*backend.callbacks).report_models)(models.as_ptr(), models.len());
    true
}
