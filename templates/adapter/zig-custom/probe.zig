//! A probe: is the server up, and which models has it? It leads to exactly one report of health, models before it.

const std = @import("std");
const nexus = @import("nexus_plugin.zig");
const json = @import("json.zig");
const protocol = @import("protocol.zig");
const Backend = @import("adapter.zig").Backend;
const Buffer = @import("buffer.zig").Buffer;
const Headers = @import("headers.zig").Headers;
const allocator = @import("buffer.zig").allocator;

/// What one probe needs until its last on_end, which frees it.
const Asking = struct {
    backend: *Backend,
    task: nexus.nexus_task,
    key: usize,
    tried: usize = 0,
    status: u32 = 0,
    body: Buffer = .{},
};

const handlers = nexus.nexus_http_handlers{ .on_head = onHead, .on_body = onBody, .on_end = onEnd };

pub fn begin(backend: *Backend, task: nexus.nexus_task) void {
    const asking = allocator.create(Asking) catch return report(backend, nexus.NEXUS_UNHEALTHY, "no memory for a probe");
    asking.* = .{ .backend = backend, .task = task, .key = backend.currentKey() };
    if (ask(asking) != nexus.NEXUS_OK) {
        allocator.destroy(asking); // nothing was started, so no on_end comes
        report(backend, nexus.NEXUS_UNHEALTHY, "the host did not send the request of a probe");
    }
}

fn ask(asking: *Asking) nexus.nexus_status {
    var headers = Headers{};
    defer headers.deinit();
    headers.add("accept", "application/json");
    asking.backend.addOwn(&headers, asking.key);
    const request = nexus.nexus_http_request{
        .method = nexus.str("GET"),
        .path = nexus.str(protocol.models_path),
        .headers = &headers.room,
        .header_count = headers.length,
    };
    var handle: nexus.nexus_http = 0;
    return asking.backend.host.*.http_start(asking.task, &request, &handlers, asking, &handle);
}

/// Another key may be good, where the server refuses this one. True: it is asked again.
fn triesNextKey(asking: *Asking) bool {
    if (asking.status != 401 and asking.status != 403) return false;
    asking.tried += 1;
    if (asking.tried >= asking.backend.authorizations.len) return false;
    asking.key = asking.backend.nextKey(asking.key);
    asking.body.length = 0;
    return ask(asking) == nexus.NEXUS_OK;
}

fn from(user: ?*anyopaque) *Asking {
    return @ptrCast(@alignCast(user.?));
}

fn onHead(user: ?*anyopaque, _: nexus.nexus_http, head: [*c]const nexus.nexus_http_head) callconv(.c) void {
    from(user).status = head.*.status;
}

fn onBody(user: ?*anyopaque, _: nexus.nexus_http, bytes: [*c]const u8, length: usize) callconv(.c) void {
    if (length > 0) from(user).body.add(bytes[0..length]);
}

/// Always the last call for a request: frees what the probe needed, unless it asks once more.
fn onEnd(user: ?*anyopaque, _: nexus.nexus_http, end: [*c]const nexus.nexus_http_end) callconv(.c) void {
    const asking = from(user);
    if (end.*.result == nexus.NEXUS_HTTP_COMPLETE and triesNextKey(asking)) return;
    if (end.*.result != nexus.NEXUS_HTTP_CANCELLED) conclude(asking, end);
    asking.body.deinit();
    allocator.destroy(asking);
}

fn conclude(asking: *Asking, end: [*c]const nexus.nexus_http_end) void {
    const backend = asking.backend;
    const status = asking.status;
    var words = Buffer{};
    defer words.deinit();
    words.add("GET " ++ protocol.models_path);
    if (end.*.result != nexus.NEXUS_HTTP_COMPLETE) {
        words.add(": ");
        words.add(nexus.slice(end.*.message));
    } else if (status == 401 or status == 403) {
        words.print(": the server refuses the API key (status {d}); set api_key_env to the variable that holds it", .{status});
    } else if (status < 200 or status > 299) {
        words.print(" answered with status {d}", .{status});
    } else if (!reportModels(backend, &asking.body)) {
        words.add(" did not answer with a list of models; is url right?");
    } else {
        return report(backend, nexus.NEXUS_HEALTHY, "");
    }
    report(backend, nexus.NEXUS_UNHEALTHY, words.bytes());
}

fn report(backend: *const Backend, status: nexus.nexus_health_status, message: []const u8) void {
    const health = nexus.nexus_health{ .status = status, .message = nexus.str(message) };
    backend.callbacks.*.report_health(&health);
}

/// False: the answer is no list of models, or there is no memory.
fn reportModels(backend: *const Backend, body: *const Buffer) bool {
    if (body.failed) return false;
    const list = protocol.models(json.parse(body.bytes()) orelse return false) orelse return false;
    var count: usize = 0;
    var items = json.Items.of(list);
    while (items.next()) |_| count += 1;
    const models = allocator.alloc(nexus.nexus_model, count) catch return false;
    defer allocator.free(models);
    const names = allocator.alloc(Buffer, count) catch return false;
    defer allocator.free(names);
    var told: usize = 0;
    defer for (names[0..told]) |*name| name.deinit();
    items = json.Items.of(list);
    while (items.next()) |item| {
        const model = protocol.model(item.value) orelse continue;
        var name = Buffer{};
        json.decode(model.name, &name);
        if (name.length == 0 or name.failed) {
            name.deinit();
            continue;
        }
        names[told] = name;
        models[told] = .{
            .id = nexus.str(name.bytes()),
            .context_length = model.context,
            // What `told` names and `capabilities` does not, the model certainly lacks: requests that need it go elsewhere, and if
            // all backends lack it they are refused, before they come here.
            .capabilities = nexus.NEXUS_MODEL_COMPLETION,
            .told = nexus.NEXUS_MODEL_COMPLETION | nexus.NEXUS_MODEL_VISION | nexus.NEXUS_MODEL_TOOLS |
                nexus.NEXUS_MODEL_JSON_MODE | nexus.NEXUS_MODEL_EMBEDDING,
        };
        told += 1;
    }
    backend.callbacks.*.report_models(models.ptr, told);
    return true;
}
