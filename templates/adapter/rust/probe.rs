//! A probe: is the server up, and which models has it? It leads to exactly one report of health, models before it.

use crate::json::{self, Json};
use crate::nexus_plugin::*;
use crate::Backend;
use std::ffi::c_void;

const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// What one probe needs until `on_end`, which owns it.
struct Asking {
    /// The host destroys an instance only after its tasks have ended.
    backend: &'static Backend,
    status: u32,
    is_cut: bool,
    body: Vec<u8>,
}

pub unsafe fn begin(backend: &'static Backend, task: nexus_task) {
    static HANDLERS: nexus_http_handlers = nexus_http_handlers {
        struct_size: std::mem::size_of::<nexus_http_handlers>() as u32,
        reserved: 0,
        on_head,
        on_body,
        on_end,
    };
    let headers = backend.request_headers(std::ptr::null());
    let request = nexus_http_request {
        method: nexus_str::of("GET"),
        path: nexus_str::borrow(backend.models_path.as_bytes()),
        headers: headers.as_ptr(),
        header_count: headers.len(),
        ..nexus_http_request::NEW
    };
    let user = Box::into_raw(Box::new(Asking { backend, status: 0, is_cut: false, body: Vec::new() }));
    let mut handle = 0;
    if ((*backend.host).http_start)(task, &request, &HANDLERS, user.cast(), &mut handle) != NEXUS_OK {
        // Nothing was started, so no on_end comes.
        drop(Box::from_raw(user));
        report(backend, NEXUS_UNHEALTHY, "the host did not send the request of a probe");
    }
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
    guarded((), || conclude(&Box::from_raw(user.cast::<Asking>()), &*end))
}

unsafe fn conclude(asking: &Asking, end: &nexus_http_end) {
    let (backend, path, status) = (asking.backend, &asking.backend.models_path, asking.status);
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
        format!("GET {path} did not answer with a list of models; is options.path_prefix right?")
    } else {
        return report(backend, NEXUS_HEALTHY, "");
    };
    report(backend, NEXUS_UNHEALTHY, &problem);
}

unsafe fn report(backend: &Backend, status: nexus_health_status, message: &str) {
    let health = nexus_health { status, message: nexus_str::borrow(message.as_bytes()), ..nexus_health::NEW };
    ((*backend.callbacks).report_health)(&health);
}

/// Reports the models of {"data":[{"id":"..."}]}. False: that is not what the body is.
unsafe fn report_models(backend: &Backend, body: &[u8]) -> bool {
    let Some(list) = json::parse(body) else { return false };
    let Some(Json::List(data)) = list.member("data") else { return false };
    let mut models = Vec::new();
    for item in data {
        let Some(id) = item.member("id").and_then(Json::text).filter(|id| !id.is_empty()) else { continue };
        let count = |name| item.member(name).and_then(Json::count).unwrap_or(0);
        let length = count("max_model_len");
        models.push(nexus_model {
            id: nexus_str::borrow(id.as_bytes()),
            created: count("created").try_into().unwrap_or(0),
            context_length: if length > 0 { length } else { count("context_length") },
            // The list says nothing of what the model can do. Where yours does, set `capabilities`, and in `told` all bits
            // that it speaks of: what is told and missing the model certainly lacks.
            ..nexus_model::NEW
        });
    }
    ((*backend.callbacks).report_models)(models.as_ptr(), models.len());
    true
}
