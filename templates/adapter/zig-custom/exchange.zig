//! An exchange: a client's request is translated, sent, and what the server answers becomes an answer in OpenAI's shape. The client
//! asks for a whole answer or for a stream, and the server gives what it can: all four cases end here. It ends in exactly one
//! exchange_finish or exchange_fail.

const std = @import("std");
const nexus = @import("nexus_plugin.zig");
const json = @import("json.zig");
const protocol = @import("protocol.zig");
const fields = @import("headers.zig");
const Backend = @import("adapter.zig").Backend;
const Buffer = @import("buffer.zig").Buffer;
const Headers = @import("headers.zig").Headers;
const allocator = @import("buffer.zig").allocator;

extern fn time(?*i64) i64;

/// One exchange, which its last on_end frees.
const Exchange = struct {
    /// An instance outlives its tasks.
    backend: *Backend,
    task: nexus.nexus_task,
    /// The client.
    wants_stream: bool,
    /// At the end of a stream.
    wants_usage: bool,
    /// What the server sends.
    is_stream: bool = false,
    has_begun: bool = false,
    /// Finished or failed: whatever still comes is ignored.
    is_over: bool = false,
    // What is sent, kept for the case that the server refuses a key and another one is left.
    sent: protocol.Translation = .{},
    sent_headers: Headers = .{},
    key: usize,
    tried: usize = 0,
    // What comes back.
    status: u32 = 0,
    headers: Headers = .{},
    /// A whole answer, the body of an error, or a line that is not complete yet.
    held: Buffer = .{},
    /// The text so far, for a client that wants it whole; as it stands in JSON.
    said: Buffer = .{},
    /// What each piece of the answer begins with: its id, its time and its model.
    start: Buffer = .{},
    outcome: nexus.nexus_outcome = .{},

    // ---------------------------------------------------------------------------- the answer, for OpenAI ----

    /// Pieces of a body are cut anywhere: what is no whole line yet is held.
    fn takeBytes(self: *Exchange, bytes: []const u8) void {
        var rest = bytes;
        while (!self.is_over and self.is_stream and self.status <= 299) {
            const end = std.mem.indexOfScalar(u8, rest, '\n') orelse break;
            self.held.add(rest[0..end]);
            rest = rest[end + 1 ..];
            if (!self.held.failed and self.held.length > 0) {
                self.take(self.held.bytes(), "the server sent a line that is no piece of an answer");
            }
            self.held.length = 0;
        }
        if (self.is_over) return;
        self.held.add(rest);
        if (self.held.failed) self.failBroken("the server's answer is too large");
    }

    /// A line of the server's stream, or its whole answer: a client that wants a stream gets it at once, any other at the end.
    fn take(self: *Exchange, bytes: []const u8, is_none: []const u8) void {
        const value = json.parse(bytes) orelse return self.failBroken(is_none);
        if (protocol.problem(value)) |words| return self.failTold(502, words);
        const piece = protocol.piece(value) orelse return self.failBroken(is_none);
        self.outcome.prompt_tokens = piece.prompt_tokens orelse self.outcome.prompt_tokens;
        self.outcome.completion_tokens = piece.completion_tokens orelse self.outcome.completion_tokens;
        var out = Buffer{};
        defer out.deinit();
        if (piece.text) |text| {
            if (self.wants_stream) {
                self.beginChunk(&out, "chat.completion.chunk");
                out.add("{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":");
                out.add(text);
                out.add("},\"finish_reason\":null}]}\n\n");
                self.put(&out);
            } else {
                self.said.add(json.inside(text));
            }
        }
        const reason = piece.finish_reason orelse return;
        if (self.is_over) return;
        out.length = 0;
        if (self.wants_stream) self.endStream(&out, reason) else self.whole(&out, reason);
        self.put(&out);
        if (!self.is_over) self.finish();
    }

    fn beginChunk(self: *Exchange, out: *Buffer, object: []const u8) void {
        if (self.wants_stream) out.add("data: ");
        out.add(self.start.bytes());
        out.add(",\"object\":\"");
        out.add(object);
        out.add("\",\"choices\":[");
    }

    fn endStream(self: *Exchange, out: *Buffer, reason: []const u8) void {
        self.beginChunk(out, "chat.completion.chunk");
        out.print("{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"{s}\"}}]}}\n\n", .{reason});
        if (self.wants_usage and self.hasUsage()) {
            self.beginChunk(out, "chat.completion.chunk");
            out.add("]");
            self.addUsage(out);
            out.add("}\n\n");
        }
        out.add("data: [DONE]\n\n");
    }

    fn whole(self: *Exchange, out: *Buffer, reason: []const u8) void {
        self.beginChunk(out, "chat.completion");
        out.add("{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"");
        out.add(self.said.bytes());
        out.print("\"}},\"finish_reason\":\"{s}\"}}]", .{reason});
        if (self.hasUsage()) self.addUsage(out);
        out.add("}");
        if (self.said.failed) out.failed = true;
    }

    fn hasUsage(self: *const Exchange) bool {
        return self.outcome.prompt_tokens != nexus.NEXUS_TOKENS_UNKNOWN and self.outcome.completion_tokens != nexus.NEXUS_TOKENS_UNKNOWN;
    }

    fn addUsage(self: *const Exchange, out: *Buffer) void {
        const prompt = self.outcome.prompt_tokens;
        const completion = self.outcome.completion_tokens;
        const format = ",\"usage\":{{\"prompt_tokens\":{d},\"completion_tokens\":{d},\"total_tokens\":{d}}}";
        out.print(format, .{ prompt, completion, prompt +| completion });
    }

    // ---------------------------------------------------------------------------------------- what is told ----

    /// Until the first write the gateway may still try another backend, so nothing is written before there is something to say.
    fn put(self: *Exchange, out: *const Buffer) void {
        if (out.failed) return self.failBroken("the server's answer is too large");
        if (!self.has_begun) {
            // What was left out of the request is told in x-nexus-warning. Of the server's headers the host takes those that a
            // client may see.
            const head = nexus.nexus_response_head{
                .warning = nexus.str(self.sent.dropped.bytes()),
                .headers = &self.headers.room,
                .header_count = self.headers.length,
            };
            _ = self.backend.host.*.exchange_begin(self.task, &head);
            self.has_begun = true;
        }
        _ = self.backend.host.*.exchange_write(self.task, out.bytes().ptr, out.length);
    }

    fn finish(self: *Exchange) void {
        self.is_over = true;
        _ = self.backend.host.*.exchange_finish(self.task, &self.outcome);
    }

    /// The server's answer is none.
    fn failBroken(self: *Exchange, message: []const u8) void {
        self.fail(nexus.NEXUS_FAIL_UPSTREAM, message);
    }

    /// An error of the server, in its own words if it has any.
    fn failTold(self: *Exchange, status: u32, words: ?json.Json) void {
        const kind = fields.kindOfStatus(status);
        var message = Buffer{};
        defer message.deinit();
        self.status = status;
        if (words) |text| json.decode(text, &message);
        if (kind == nexus.NEXUS_FAIL_AUTH) {
            message.length = 0;
            message.print("the server wants an API key or refuses the one it got (status {d}); see api_key_env", .{status});
        } else if (message.length == 0 or message.failed or self.backend.showsSecret(message.bytes())) {
            message.length = 0;
            message.print("the server answered with status {d}", .{status});
        }
        self.fail(kind, message.bytes());
    }

    /// Tells what is known of the exchange as well: the server's headers, for the client, and the tokens.
    fn fail(self: *Exchange, kind: nexus.nexus_failure_kind, message: []const u8) void {
        const failure = nexus.nexus_failure{
            .kind = kind,
            .status = self.status,
            .retry_after_ms = self.headers.retryAfterMilliseconds(),
            .message = nexus.str(message),
            .prompt_tokens = self.outcome.prompt_tokens,
            .completion_tokens = self.outcome.completion_tokens,
            .headers = &self.headers.room,
            .header_count = self.headers.length,
        };
        self.is_over = true;
        _ = self.backend.host.*.exchange_fail(self.task, &failure);
    }

    // --------------------------------------------------------------------------------------------- the end ----

    /// The server refuses this key or has enough of it: the next one is tried, once each. True: the request is sent again.
    fn triesNextKey(self: *Exchange) bool {
        const status = self.status;
        if (status != 401 and status != 403 and status != 429) return false;
        self.tried += 1;
        if (self.tried >= self.backend.authorizations.len) return false;
        self.key = self.backend.nextKey(self.key);
        self.headers.deinit();
        self.held.length = 0;
        self.status = 0;
        if (self.ask() == nexus.NEXUS_OK) return true;
        self.status = status;
        return false;
    }

    fn conclude(self: *Exchange, end: [*c]const nexus.nexus_http_end) void {
        const body = self.held.bytes();
        if (self.status > 299) {
            self.failTold(self.status, protocol.problem(json.parse(body) orelse ""));
        } else if (end.*.result != nexus.NEXUS_HTTP_COMPLETE) {
            self.fail(fields.kindOfEnd(end.*.result), nexus.slice(end.*.message));
        } else if (self.is_stream and body.len == 0) {
            self.failBroken("the server closed the stream before it was finished");
        } else {
            // A whole answer, or a last line without an end.
            self.take(body, "the server's answer is none, or half of one");
            if (!self.is_over) self.failBroken("the server's answer ends before it is finished");
        }
    }

    fn ask(self: *Exchange) nexus.nexus_status {
        var headers = Headers{};
        defer headers.deinit();
        self.backend.addOwn(&headers, self.key);
        headers.copy(&self.sent_headers.room, self.sent_headers.length);
        const request = nexus.nexus_http_request{
            .method = nexus.str("POST"),
            .path = nexus.str(protocol.answer_path),
            .headers = &headers.room,
            .header_count = headers.length,
            .body = nexus.str(self.sent.body.bytes()),
        };
        var handle: nexus.nexus_http = 0;
        return self.backend.host.*.http_start(self.task, &request, &handlers, self, &handle);
    }

    fn deinit(self: *Exchange) void {
        self.sent.deinit();
        self.sent_headers.deinit();
        self.headers.deinit();
        self.held.deinit();
        self.said.deinit();
        self.start.deinit();
        allocator.destroy(self);
    }
};

// ------------------------------------------------------------------------------------------- HTTP events ----

const handlers = nexus.nexus_http_handlers{ .on_head = onHead, .on_body = onBody, .on_end = onEnd };

fn from(user: ?*anyopaque) *Exchange {
    return @ptrCast(@alignCast(user.?));
}

fn onHead(user: ?*anyopaque, _: nexus.nexus_http, head: [*c]const nexus.nexus_http_head) callconv(.c) void {
    const self = from(user);
    self.status = head.*.status;
    self.headers.copy(head.*.headers, head.*.header_count);
    self.is_stream = fields.begins(self.headers.find("content-type"), protocol.stream_type);
}

fn onBody(user: ?*anyopaque, _: nexus.nexus_http, bytes: [*c]const u8, length: usize) callconv(.c) void {
    if (!from(user).is_over and length > 0) from(user).takeBytes(bytes[0..length]);
}

/// Always the last call for a request: frees what the exchange needed, unless it is asked once more.
fn onEnd(user: ?*anyopaque, _: nexus.nexus_http, end: [*c]const nexus.nexus_http_end) callconv(.c) void {
    const self = from(user);
    if (!self.is_over and end.*.result == nexus.NEXUS_HTTP_COMPLETE and self.triesNextKey()) return;
    // After a cancellation the exchange is over already: no one is left to tell.
    if (!self.is_over and end.*.result != nexus.NEXUS_HTTP_CANCELLED) self.conclude(end);
    self.deinit();
}

// -------------------------------------------------------------------------------------------- the request ----

/// Refusing with words: exchange_fail says why, and NEXUS_OK that the exchange was ended. Any other status would end it as well, but a
/// client would only read that the adapter did not take its request.
pub fn begin(backend: *Backend, task: nexus.nexus_task, request: *const nexus.nexus_request) nexus.nexus_status {
    if (request.kind != nexus.NEXUS_KIND_CHAT) return nexus.NEXUS_UNSUPPORTED; // the gateway never asks for another one
    const self = allocator.create(Exchange) catch return nexus.NEXUS_FAILED;
    self.* = .{
        .backend = backend,
        .task = task,
        .wants_stream = request.flags & nexus.NEXUS_REQUEST_STREAM != 0,
        .wants_usage = request.flags & nexus.NEXUS_REQUEST_INCLUDE_USAGE != 0,
        .key = backend.currentKey(),
    };
    const body = json.parse(nexus.slice(request.body)) orelse "";
    protocol.translate(body, self.wants_stream and backend.streams, &self.sent) catch {
        self.fail(self.sent.refusal, self.sent.words.bytes());
        self.deinit();
        return nexus.NEXUS_OK;
    };
    keepHeaders(self, request);
    self.start.add("{\"id\":\"chatcmpl-");
    self.start.add(nexus.slice(request.request_id));
    self.start.print("\",\"created\":{d},\"model\":", .{time(null)});
    self.start.add(json.member(body, "model") orelse "\"\"");
    const status = if (self.start.failed) nexus.NEXUS_FAILED else self.ask();
    if (status != nexus.NEXUS_OK) self.deinit(); // nothing was started, so no on_end comes
    return status;
}

/// Copies the headers that go with the request, whichever key does.
fn keepHeaders(self: *Exchange, request: *const nexus.nexus_request) void {
    self.sent_headers.add("content-type", "application/json");
    self.sent_headers.add("accept", "*/*");
    if (request.request_id.len > 0) self.sent_headers.add("x-request-id", nexus.slice(request.request_id));
    // The client's own headers that may go to a server. A gateway from before ABI 1.2 does not give them.
    if (nexus.has(request, "header_count")) self.sent_headers.copy(request.headers, request.header_count);
}
