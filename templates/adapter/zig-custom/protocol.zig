//! What is particular to this kind of server: its paths, how a client's request becomes one of its own, and how its answer is
//! read. Functions of text alone: nothing here calls the gateway. CHANGE THIS FILE FIRST, and check.json with it.
//!
//! As it stands it is for a server of this kind:
//!
//!     GET  /list   {"models":[{"name":"tiny","context":4096}]}
//!     POST /say    {"model":"tiny","turns":[{"who":"user","says":"Hi"}],"stream":true,"max":100,"temperature":0.5}
//!
//!     whole        {"says":"Hello!","read":3,"wrote":2,"why":"end"}       why: "end", or "max": no more was allowed
//!     a stream     lines of JSON: {"says":"Hel"}  {"says":"lo!"}  {"read":3,"wrote":2,"why":"end"}
//!     an error     {"problem":"words"}, with an error status or as a line of a stream
//!
//! A JSON value is the place in the text where it stands; strings are passed on as they were written.

const std = @import("std");
const nexus = @import("nexus_plugin.zig");
const json = @import("json.zig");
const Buffer = @import("buffer.zig").Buffer;
const Json = json.Json;

pub const models_path = "/list";
pub const answer_path = "/say";
/// The content type of a stream; whatever has another one is a whole answer.
pub const stream_type = "application/x-ndjson";

// ------------------------------------------------------------------------------------------------ models ----

pub const Model = struct {
    /// A JSON string.
    name: Json,
    /// Tokens; 0: the server does not tell.
    context: u64,
};

/// The list in the server's answer to GET models_path; null: that is not what the answer is.
pub fn models(answer: Json) ?Json {
    return json.memberOf(answer, "models", '[');
}

/// One item of it; null: it is none.
pub fn model(item: Json) ?Model {
    const name = json.memberOf(item, "name", '"') orelse return null;
    return .{ .name = name, .context = json.count(json.member(item, "context") orelse "") orelse 0 };
}

// ------------------------------------------------------------------------------------- a client's request ----

/// What becomes of a client's request.
pub const Translation = struct {
    /// The server's request.
    body: Buffer = .{},
    /// What of the client's request the server does not take, for x-nexus-warning; may be empty.
    dropped: Buffer = .{},
    /// If there is none. NEXUS_FAIL_REJECTED: the request is wrong, the client is told at once. NEXUS_FAIL_UNSUPPORTED: this server
    /// cannot do it, perhaps another backend can.
    refusal: nexus.nexus_failure_kind = 0,
    /// What the client reads then.
    words: Buffer = .{},

    pub fn deinit(self: *Translation) void {
        self.body.deinit();
        self.dropped.deinit();
        self.words.deinit();
    }

    fn wrong(self: *Translation, words: []const u8) error{Refused} {
        return self.refuse(nexus.NEXUS_FAIL_REJECTED, words);
    }

    fn cannot(self: *Translation, words: []const u8) error{Refused} {
        return self.refuse(nexus.NEXUS_FAIL_UNSUPPORTED, words);
    }

    fn refuse(self: *Translation, kind: nexus.nexus_failure_kind, words: []const u8) error{Refused} {
        self.refusal = kind;
        self.words.add(words);
        return error.Refused;
    }
};

pub fn translate(request: Json, stream: bool, to: *Translation) error{Refused}!void {
    const name = json.memberOf(request, "model", '"') orelse return to.wrong("\"model\" is missing");
    try check(request, to);
    to.body.add("{\"model\":");
    to.body.add(name);
    try addTurns(request, to);
    to.body.add(if (stream) ",\"stream\":true" else ",\"stream\":false");
    if (json.memberOf(request, "max_completion_tokens", '0') orelse json.memberOf(request, "max_tokens", '0')) |max| {
        to.body.add(",\"max\":");
        to.body.add(max);
    }
    if (json.memberOf(request, "temperature", '0')) |temperature| {
        to.body.add(",\"temperature\":");
        to.body.add(temperature);
    }
    to.body.add("}");
    noteDropped(request, to);
    if (to.body.failed or to.dropped.failed) return to.wrong("the request is too large");
}

fn addTurns(request: Json, to: *Translation) error{Refused}!void {
    const messages = json.memberOf(request, "messages", '[') orelse return to.wrong("\"messages\" must be a list");
    to.body.add(",\"turns\":[");
    var items = json.Items.of(messages);
    var is_first = true;
    while (items.next()) |item| : (is_first = false) {
        const role = json.memberOf(item.value, "role", '"') orelse return to.wrong("a message must have a \"role\"");
        if (json.isText(role, "tool") or json.memberOf(item.value, "tool_calls", '[') != null) {
            return to.cannot("this server knows no tools");
        }
        to.body.add(if (is_first) "{\"who\":" else ",{\"who\":");
        // "developer" is the newer name of the same.
        to.body.add(if (json.isText(role, "developer")) "\"system\"" else role);
        to.body.add(",\"says\":\"");
        try addContent(json.member(item.value, "content") orelse "", to);
        to.body.add("\"}");
    }
    to.body.add("]");
}

/// The text of a message. A client may give it as a string, or as a list of parts: [{"type":"text","text":"What is this?"},
/// {"type":"image_url",...}]. Parts that are no text cannot be left out: the answer would be one to another question.
fn addContent(content: Json, to: *Translation) error{Refused}!void {
    if (json.kind(content) == '"') return to.body.add(json.inside(content));
    if (json.kind(content) != '[') return to.wrong("the content of a message must be a text or a list of parts");
    var items = json.Items.of(content);
    var is_first = true;
    while (items.next()) |item| : (is_first = false) {
        const kind = json.memberOf(item.value, "type", '"') orelse "";
        if (!json.isText(kind, "text")) {
            to.words.print("this server reads text alone: it cannot take a part of type \"{s}\"", .{json.inside(kind)[0..@min(64, json.inside(kind).len)]});
            return to.cannot("");
        }
        const text = json.memberOf(item.value, "text", '"') orelse return to.wrong("a part of type \"text\" must have a \"text\"");
        if (!is_first) to.body.add("\\n");
        to.body.add(json.inside(text));
    }
}

/// What asks for another answer than this server gives: leaving it out would be wrong.
fn check(request: Json, to: *Translation) error{Refused}!void {
    if (json.memberOf(request, "tools", '[')) |tools| {
        var items = json.Items.of(tools);
        if (items.next() != null) return to.cannot("this server knows no tools");
    }
    const format = json.memberOf(json.member(request, "response_format") orelse "", "type", '"');
    if (format != null and !json.isText(format.?, "text")) {
        return to.cannot("this server cannot promise an answer in JSON (response_format)");
    }
    if (json.memberOf(request, "n", '0')) |count| {
        if (json.count(count) != 1) return to.cannot("this server gives one answer to a request, \"n\" must be 1");
    }
}

const taken = [_][]const u8{ "model", "messages", "stream", "temperature", "max_tokens", "max_completion_tokens" };
/// These change nothing for the reader, or were looked at in `check`.
const silent = [_][]const u8{
    "stream_options", "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "tools",
    "tool_choice", "parallel_tool_calls", "response_format", "n",
};

fn isOneOf(name: []const u8, names: []const []const u8) bool {
    for (names) |other| {
        if (std.mem.eql(u8, name, other)) return true;
    }
    return false;
}

/// Notes what only shapes the answer, such as "seed": the request is served without it, and the client is told.
fn noteDropped(request: Json, to: *Translation) void {
    const plain = "abcdefghijklmnopqrstuvwxyz_0123456789";
    var count: usize = 0;
    var items = json.Items.of(request);
    while (items.next()) |item| {
        const name = json.inside(item.name);
        if (json.kind(item.value) == 'n' or isOneOf(name, &taken) or isOneOf(name, &silent)) continue;
        // It travels in a header field: whatever is not plain, and too many, are not repeated there.
        if (name.len == 0 or name.len > 40 or std.mem.indexOfNone(u8, name, plain) != null) continue;
        if (count == 10) break;
        if (count > 0) to.dropped.add(", ");
        to.dropped.add(name);
        count += 1;
    }
    if (count == 1) to.dropped.add(" was ignored: this server does not take it");
    if (count > 1) to.dropped.add(" were ignored: this server does not take them");
}

// ------------------------------------------------------------------------------------- the server's answer ----

/// A whole answer, or a line of a stream.
pub const Piece = struct {
    /// A JSON string.
    text: ?Json,
    /// Of the last one, in OpenAI's words: "stop" or "length".
    finish_reason: ?[]const u8,
    /// Null: the server did not count.
    prompt_tokens: ?u64,
    completion_tokens: ?u64,
};

/// Null: it is no piece of an answer.
pub fn piece(value: Json) ?Piece {
    const text = json.memberOf(value, "says", '"');
    const why = json.memberOf(value, "why", '"');
    if (text == null and why == null) return null;
    return .{
        .text = text,
        .finish_reason = if (why == null) null else if (json.isText(why.?, "max")) "length" else "stop",
        .prompt_tokens = json.count(json.member(value, "read") orelse ""),
        .completion_tokens = json.count(json.member(value, "wrote") orelse ""),
    };
}

/// What an error says, a JSON string; null: it is no error.
pub fn problem(value: Json) ?Json {
    const words = json.memberOf(value, "problem", '"') orelse return null;
    return if (json.inside(words).len == 0) null else words;
}
