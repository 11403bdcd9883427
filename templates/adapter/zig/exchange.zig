//! An exchange: a client's request goes to the server as it is, and the answer comes back as it is. On the way the adapter looks at
//! the answer, so that an error fails the exchange, a broken stream never looks like a whole one, and tokens are counted. It ends in
//! exactly one exchange_finish or exchange_fail.

const std = @import("std");
const nexus = @import("nexus_plugin.zig");
const json = @import("json.zig");
const fields = @import("headers.zig");
const Backend = @import("adapter.zig").Backend;
const Buffer = @import("buffer.zig").Buffer;
const Event = @import("events.zig").Event;
const Events = @import("events.zig").Events;
const Headers = @import("headers.zig").Headers;
const allocator = @import("buffer.zig").allocator;

/// One exchange, which on_end frees.
const Exchange = struct {
    /// An instance outlives its tasks.
    backend: *const Backend,
    task: nexus.nexus_task,
    wants_stream: bool,
    /// The server sends one.
    is_stream: bool = false,
    has_begun: bool = false,
    /// Finished or failed: whatever still comes is ignored.
    is_over: bool = false,
    status: u32 = 0,
    /// The server's.
    headers: Headers = .{},
    /// A whole answer, or the body of an error.
    held: Buffer = .{},
    events: Events = .{},
    outcome: nexus.nexus_outcome = .{},

    // ------------------------------------------------------------------------------------------ the answer ----

    fn take(self: *Exchange, bytes: []const u8) void {
        if (self.status > 299) {
            // Of an error the first part will do.
            self.held.add(bytes[0..@min(bytes.len, nexus.NEXUS_LIMIT_FAILURE_BODY - self.held.length)]);
        } else if (self.is_stream and self.wants_stream) {
            self.takeEvents(bytes);
        } else {
            self.held.add(bytes);
            if (self.held.failed) self.failBroken("the server's answer is too large");
        }
    }

    fn takeEvents(self: *Exchange, bytes: []const u8) void {
        var rest = bytes;
        while (!self.is_over) {
            const event = self.events.next(&rest) catch return self.failBroken("the server sent an event that is too large");
            self.takeEvent(event orelse return);
        }
    }

    fn takeEvent(self: *Exchange, event: Event) void {
        const data = event.data orelse {
            // A comment keeps a connection alive. Before the first event it would only take the gateway's chance to try elsewhere.
            if (self.has_begun) self.passOn(event.text);
            return;
        };
        if (std.mem.startsWith(u8, data, "[DONE]")) {
            self.passOn(event.text);
            self.finish();
        } else if (json.parse(data)) |value| {
            if (self.failsIfError(value)) return;
            self.countTokens(value);
            self.passOn(event.text);
        } else {
            self.failBroken("the server sent an event that is no JSON, or half of one");
        }
    }

    fn conclude(self: *Exchange, end: [*c]const nexus.nexus_http_end) void {
        const body = self.held.bytes();
        if (self.status > 299) {
            const value = json.parse(body) orelse "";
            self.failTold(self.status, told(value), value);
        } else if (end.*.result != nexus.NEXUS_HTTP_COMPLETE) {
            self.fail(.{ .kind = fields.kindOfEnd(end.*.result), .message = end.*.message });
        } else if (self.is_stream and self.wants_stream) {
            self.takeEvents("\n\n"); // the last event may lack its empty line
            if (!self.is_over) self.failBroken("the server closed the stream before it was finished");
        } else {
            const value = json.parse(body) orelse return self.failBroken("the server's answer is no JSON object");
            if (json.kind(value) != '{') return self.failBroken("the server's answer is no JSON object");
            if (self.failsIfError(value)) return;
            if (self.wants_stream or self.is_stream) {
                return self.failBroken("the server did not answer in the way that was asked for: streamed or whole");
            }
            self.countTokens(value);
            self.passOn(body);
            self.finish();
        }
    }

    /// Takes the token counts of an answer or of an event, if it has any.
    fn countTokens(self: *Exchange, answer: json.Json) void {
        const usage = json.memberOf(answer, "usage", '{') orelse return;
        takeCount(usage, "prompt_tokens", &self.outcome.prompt_tokens);
        takeCount(usage, "completion_tokens", &self.outcome.completion_tokens);
        if (json.memberOf(usage, "prompt_tokens_details", '{')) |details| {
            takeCount(details, "cached_tokens", &self.outcome.cached_tokens);
        }
    }

    // ---------------------------------------------------------------------------------------- what is told ----

    fn passOn(self: *Exchange, bytes: []const u8) void {
        if (!self.has_begun) {
            const head = nexus.nexus_response_head{ .status = self.status, .headers = &self.headers.room, .header_count = self.headers.length };
            _ = self.backend.host.*.exchange_begin(self.task, &head);
            self.has_begun = true;
        }
        _ = self.backend.host.*.exchange_write(self.task, bytes.ptr, bytes.len);
    }

    fn finish(self: *Exchange) void {
        self.is_over = true;
        _ = self.backend.host.*.exchange_finish(self.task, &self.outcome);
    }

    /// Fails the exchange if this is an error inside an answer that claims to be none.
    fn failsIfError(self: *Exchange, value: json.Json) bool {
        const words = told(value) orelse return false;
        const code = json.count(json.member(json.member(value, "error") orelse "", "code") orelse "") orelse 0;
        self.failTold(if (code >= 400 and code <= 599) @intCast(code) else 502, words, value);
        return true;
    }

    /// The server's answer is none.
    fn failBroken(self: *Exchange, message: []const u8) void {
        self.fail(.{ .kind = nexus.NEXUS_FAIL_UPSTREAM, .status = self.status, .message = nexus.str(message) });
    }

    /// An error of the server, in its own words if it has any.
    fn failTold(self: *Exchange, status: u32, words: ?json.Json, body: []const u8) void {
        var failure = nexus.nexus_failure{ .kind = fields.kindOfStatus(status), .status = status };
        var message = Buffer{};
        defer message.deinit();
        const key = self.backend.api_key.bytes();
        // Servers like to repeat a key they refuse: nothing that holds it goes on.
        const shows_key = key.len > 0 and std.mem.indexOf(u8, body, key) != null;
        if (failure.kind == nexus.NEXUS_FAIL_AUTH) {
            message.print("the server wants an API key or refuses the one it got (status {d}); see api_key_env", .{status});
        } else if (words == null or shows_key) {
            message.print("the server answered with status {d}", .{status});
        } else {
            json.decode(words.?, &message);
            if (message.length == 0) message.add("the server reported an error without a message");
            failure.body = nexus.str(body);
        }
        failure.message = nexus.str(message.bytes());
        self.fail(failure);
    }

    /// Completes the failure with what is known of the exchange: the server's headers, for the client, and the tokens.
    fn fail(self: *Exchange, known: nexus.nexus_failure) void {
        var failure = known;
        failure.retry_after_ms = self.headers.retryAfterMilliseconds();
        failure.prompt_tokens = self.outcome.prompt_tokens;
        failure.completion_tokens = self.outcome.completion_tokens;
        failure.cached_tokens = self.outcome.cached_tokens;
        failure.headers = &self.headers.room;
        failure.header_count = self.headers.length;
        self.is_over = true;
        _ = self.backend.host.*.exchange_fail(self.task, &failure);
    }

    fn deinit(self: *Exchange) void {
        self.headers.deinit();
        self.held.deinit();
        self.events.deinit();
        allocator.destroy(self);
    }
};

/// The words of {"error":{"message":"..."}} or {"error":"..."}, a JSON string; null: the value is no error.
fn told(value: json.Json) ?json.Json {
    const wrong = json.member(value, "error") orelse return null;
    return switch (json.kind(wrong)) {
        '"' => wrong,
        '{' => json.memberOf(wrong, "message", '"') orelse "\"\"",
        else => null,
    };
}

fn takeCount(object: json.Json, name: []const u8, to: *u64) void {
    const value = json.member(object, name) orelse return;
    to.* = json.count(value) orelse nexus.NEXUS_TOKENS_UNKNOWN;
}

// ------------------------------------------------------------------------------------------- HTTP events ----

const handlers = nexus.nexus_http_handlers{ .on_head = onHead, .on_body = onBody, .on_end = onEnd };

fn from(user: ?*anyopaque) *Exchange {
    return @ptrCast(@alignCast(user.?));
}

fn onHead(user: ?*anyopaque, _: nexus.nexus_http, head: [*c]const nexus.nexus_http_head) callconv(.c) void {
    const self = from(user);
    self.status = head.*.status;
    self.headers.copy(head.*.headers, head.*.header_count);
    self.is_stream = fields.begins(self.headers.find("content-type"), "text/event-stream");
}

fn onBody(user: ?*anyopaque, _: nexus.nexus_http, bytes: [*c]const u8, length: usize) callconv(.c) void {
    if (!from(user).is_over and length > 0) from(user).take(bytes[0..length]);
}

/// Always the last call: frees what the exchange needed.
fn onEnd(user: ?*anyopaque, _: nexus.nexus_http, end: [*c]const nexus.nexus_http_end) callconv(.c) void {
    const self = from(user);
    // After a cancellation the exchange is over already: no one is left to tell.
    if (!self.is_over and end.*.result != nexus.NEXUS_HTTP_CANCELLED) self.conclude(end);
    self.deinit();
}

pub fn begin(backend: *const Backend, task: nexus.nexus_task, request: *const nexus.nexus_request) nexus.nexus_status {
    if (request.kind != nexus.NEXUS_KIND_CHAT) return nexus.NEXUS_UNSUPPORTED; // the gateway never asks for another one
    const self = allocator.create(Exchange) catch return nexus.NEXUS_FAILED;
    self.* = .{ .backend = backend, .task = task, .wants_stream = request.flags & nexus.NEXUS_REQUEST_STREAM != 0 };
    var headers = Headers{};
    defer headers.deinit();
    backend.addHeaders(&headers, request);
    // NEXUS_HTTP_EXCHANGE_BODY: the client's body, with the model's name as this backend knows it.
    const upstream = nexus.nexus_http_request{
        .flags = nexus.NEXUS_HTTP_EXCHANGE_BODY,
        .method = nexus.str("POST"),
        .path = nexus.str(backend.chat_path.bytes()),
        .headers = &headers.room,
        .header_count = headers.length,
    };
    var handle: nexus.nexus_http = 0;
    const status = backend.host.*.http_start(task, &upstream, &handlers, self, &handle);
    if (status != nexus.NEXUS_OK) self.deinit(); // nothing was started, so no on_end comes
    return status;
}
