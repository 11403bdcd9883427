//! A probe: is the server up, and which models has it? It leads to exactly one report of health, models before it.

const std = @import("std");
const nexus = @import("nexus_plugin.zig");
const json = @import("json.zig");
const Backend = @import("adapter.zig").Backend;
const Buffer = @import("buffer.zig").Buffer;
const Headers = @import("headers.zig").Headers;
const allocator = @import("buffer.zig").allocator;

/// What one probe needs until on_end, which frees it.
const Asking = struct {
    backend: *const Backend,
    status: u32 = 0,
    body: Buffer = .{},
};

const handlers = nexus.nexus_http_handlers{ .on_head = onHead, .on_body = onBody, .on_end = onEnd };

pub fn begin(backend: *const Backend, task: nexus.nexus_task) void {
    const asking = allocator.create(Asking) catch return report(backend, nexus.NEXUS_UNHEALTHY, "no memory for a probe");
    asking.* = .{ .backend = backend };
    var headers = Headers{};
    defer headers.deinit();
    backend.addHeaders(&headers, null);
    const request = nexus.nexus_http_request{
        .method = nexus.str("GET"),
        .path = nexus.str(backend.models_path.bytes()),
        .headers = &headers.room,
        .header_count = headers.length,
    };
    var handle: nexus.nexus_http = 0;
    if (backend.host.*.http_start(task, &request, &handlers, asking, &handle) != nexus.NEXUS_OK) {
        allocator.destroy(asking); // nothing was started, so no on_end comes
        report(backend, nexus.NEXUS_UNHEALTHY, "the host did not send the request of a probe");
    }
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

/// Always the last call: frees what the probe needed.
fn onEnd(user: ?*anyopaque, _: nexus.nexus_http, end: [*c]const nexus.nexus_http_end) callconv(.c) void {
    const asking = from(user);
    if (end.*.result != nexus.NEXUS_HTTP_CANCELLED) conclude(asking, end);
    asking.body.deinit();
    allocator.destroy(asking);
}

fn conclude(asking: *Asking, end: [*c]const nexus.nexus_http_end) void {
    const backend = asking.backend;
    const status = asking.status;
    var words = Buffer{};
    defer words.deinit();
    words.add("GET ");
    words.add(backend.models_path.bytes());
    if (end.*.result != nexus.NEXUS_HTTP_COMPLETE) {
        words.add(": ");
        words.add(nexus.slice(end.*.message));
    } else if (status == 401 or status == 403) {
        words.print(": the server refuses the API key (status {d}); set api_key_env to the variable that holds it", .{status});
    } else if (status < 200 or status > 299) {
        words.print(" answered with status {d}", .{status});
    } else if (!reportModels(backend, &asking.body)) {
        words.add(" did not answer with a list of models; is options.path_prefix right?");
    } else {
        return report(backend, nexus.NEXUS_HEALTHY, "");
    }
    report(backend, nexus.NEXUS_UNHEALTHY, words.bytes());
}

fn report(backend: *const Backend, status: nexus.nexus_health_status, message: []const u8) void {
    const health = nexus.nexus_health{ .status = status, .message = nexus.str(message) };
    backend.callbacks.*.report_health(&health);
}

/// Reports the models of {"data":[{"id":"..."}]}. False: that is not what the body is, or there is no memory.
fn reportModels(backend: *const Backend, body: *const Buffer) bool {
    if (body.failed) return false;
    const answer = json.parse(body.bytes()) orelse return false;
    const data = json.memberOf(answer, "data", '[') orelse return false;
    var count: usize = 0;
    var items = json.Items.of(data);
    while (items.next()) |_| count += 1;
    const models = allocator.alloc(nexus.nexus_model, count) catch return false;
    defer allocator.free(models);
    const ids = allocator.alloc(Buffer, count) catch return false;
    defer allocator.free(ids);
    var told: usize = 0;
    defer for (ids[0..told]) |*id| id.deinit();
    items = json.Items.of(data);
    while (items.next()) |item| {
        var id = Buffer{};
        json.decode(json.member(item.value, "id") orelse "", &id);
        if (id.length == 0 or id.failed) {
            id.deinit();
            continue;
        }
        ids[told] = id;
        const length = countIn(item.value, "max_model_len");
        models[told] = .{
            .id = nexus.str(id.bytes()),
            .created = @intCast(countIn(item.value, "created")),
            .context_length = if (length > 0) length else countIn(item.value, "context_length"),
            // The list says nothing of what the model can do. Where yours does, set `capabilities`, and in `told` all bits that it
            // speaks of: what is told and missing the model certainly lacks.
        };
        told += 1;
    }
    backend.callbacks.*.report_models(models.ptr, told);
    return true;
}

fn countIn(object: json.Json, name: []const u8) u64 {
    return json.count(json.member(object, name) orelse return 0) orelse 0;
}
