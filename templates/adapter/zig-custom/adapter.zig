//! {{name}}: an adapter for the Nexus gateway. This file: the table that the gateway reads, the options, and the life of an
//! instance. What the server is like stands in protocol.zig.
//!
//! A panic would end the gateway: return an error, or null, wherever something may go wrong.

const std = @import("std");
const nexus = @import("nexus_plugin.zig");
const json = @import("json.zig");
const Headers = @import("headers.zig").Headers;
const Buffer = @import("buffer.zig").Buffer;
const allocator = @import("buffer.zig").allocator;
const exchange = @import("exchange.zig");
const probe = @import("probe.zig");

/// An instance: one configured backend. All event loops use it at once: nothing of it changes after create(), but for the number of
/// the key in use.
pub const Backend = struct {
    host: [*c]const nexus.nexus_host,
    callbacks: [*c]const nexus.nexus_callbacks,
    streams: bool = true,
    /// Empty: none.
    access_token: Buffer = .{},
    /// "Bearer ..." for each key.
    authorizations: []Buffer = &.{},
    key: usize = 0,

    pub fn currentKey(self: *Backend) usize {
        return @atomicLoad(usize, &self.key, .monotonic);
    }

    /// The server refuses a key, or has enough of it: gives the next one, which others begin with, too.
    pub fn nextKey(self: *Backend, key: usize) usize {
        const next = (key + 1) % self.authorizations.len;
        _ = @cmpxchgStrong(usize, &self.key, key, next, .monotonic, .monotonic);
        return next;
    }

    /// The operator's own headers, and that of a key.
    pub fn addOwn(self: *const Backend, to: *Headers, key: usize) void {
        if (self.access_token.length > 0) to.add("x-access-token", self.access_token.bytes());
        if (key < self.authorizations.len) to.add("authorization", self.authorizations[key].bytes());
    }

    /// Whether a text holds a secret of this backend. Servers like to repeat a key that they refuse: such a text goes nowhere.
    pub fn showsSecret(self: *const Backend, text: []const u8) bool {
        if (self.access_token.length > 0 and std.mem.indexOf(u8, text, self.access_token.bytes()) != null) return true;
        for (self.authorizations) |value| {
            if (std.mem.indexOf(u8, text, value.bytes()["Bearer ".len..]) != null) return true;
        }
        return false;
    }
};

// ---------------------------------------------------------------------------------------------- options ----

/// "writeOnly" marks a secret: the gateway hides its value wherever it would be shown.
const options_schema =
    \\{"type":"object","additionalProperties":false,"properties":{
    \\"streams":{"type":"boolean","default":true,"description":"false: the server cannot stream; it is asked for whole answers"},
    \\"access_token":{"type":"string","writeOnly":true,"description":"sent as x-access-token, for servers behind a gate of their own"}}}
;

/// The host has checked the options against the schema; what a schema cannot say is checked here.
fn readOptions(options: []const u8, self: *Backend, message: [*c]nexus.nexus_message) bool {
    if (options.len == 0) return true;
    const object = json.parse(options) orelse "";
    if (json.kind(object) != '{') return refuse(message, "options must be an object");
    var items = json.Items.of(object);
    while (items.next()) |item| {
        const kind = json.kind(item.value);
        if (json.isText(item.name, "streams")) {
            if (kind != 't' and kind != 'f') return refuse(message, "options.streams must be true or false");
            self.streams = kind == 't';
        } else if (json.isText(item.name, "access_token")) {
            self.access_token.length = 0;
            json.decode(item.value, &self.access_token);
            const is_line = self.access_token.length <= 1000 and std.mem.indexOfAny(u8, self.access_token.bytes(), "\r\n") == null;
            // The words name the option and never its value.
            if (kind != '"' or !is_line) return refuse(message, "options.access_token must be one line of at most 1000 characters");
        } else {
            var words = Buffer{};
            defer words.deinit();
            words.add("options.");
            words.add(json.inside(item.name)[0..@min(64, json.inside(item.name).len)]);
            words.add(" is not known; known are: streams, access_token");
            return refuse(message, words.bytes());
        }
    }
    return true;
}

/// Says in the host's room what the operator should change.
fn refuse(message: [*c]nexus.nexus_message, words: []const u8) bool {
    nexus.say(message, words);
    return false;
}

// ------------------------------------------------------------------------------------------------- life ----

/// Keeps the operator's keys: one, several (since ABI 1.1), or none. False: no memory.
fn keepKeys(config: [*c]const nexus.nexus_backend_config, self: *Backend) bool {
    var keys: [*c]const nexus.nexus_str = &config.*.api_key;
    var count: usize = if (config.*.api_key.len > 0) 1 else 0;
    if (nexus.has(@as(*const nexus.nexus_backend_config, @ptrCast(config)), "api_key_count") and config.*.api_key_count > 1) {
        keys = config.*.api_keys;
        count = config.*.api_key_count;
    }
    self.authorizations = allocator.alloc(Buffer, count) catch return false;
    for (self.authorizations, 0..) |*value, index| {
        value.* = .{};
        value.add("Bearer ");
        value.add(nexus.slice(keys[index]));
    }
    for (self.authorizations) |value| {
        if (value.failed) return false;
    }
    return true;
}

fn create(
    config: [*c]const nexus.nexus_backend_config,
    host: [*c]const nexus.nexus_host,
    callbacks: [*c]const nexus.nexus_callbacks,
    instance: [*c]?*anyopaque,
    message: [*c]nexus.nexus_message,
) callconv(.c) nexus.nexus_status {
    const self = allocator.create(Backend) catch return nexus.NEXUS_FAILED;
    self.* = .{ .host = host, .callbacks = callbacks };
    if (!readOptions(nexus.slice(config.*.options), self, message)) {
        destroy(self);
        return nexus.NEXUS_INVALID;
    }
    if (!keepKeys(config, self) or self.access_token.failed) {
        destroy(self);
        return nexus.NEXUS_FAILED;
    }
    instance.* = self;
    return nexus.NEXUS_OK;
}

/// All tasks of the instance have ended before.
fn destroy(instance: ?*anyopaque) callconv(.c) void {
    const self: *Backend = @ptrCast(@alignCast(instance orelse return));
    for (self.authorizations) |*value| value.deinit();
    allocator.free(self.authorizations);
    self.access_token.deinit();
    allocator.destroy(self);
}

fn beginProbe(instance: ?*anyopaque, task: nexus.nexus_task) callconv(.c) void {
    probe.begin(@ptrCast(@alignCast(instance.?)), task);
}

fn submit(instance: ?*anyopaque, task: nexus.nexus_task, request: [*c]const nexus.nexus_request) callconv(.c) nexus.nexus_status {
    return exchange.begin(@ptrCast(@alignCast(instance.?)), task, @ptrCast(request));
}

// ------------------------------------------------------------------------------------------------ table ----

const table = nexus.nexus_adapter{
    .type = nexus.str("{{name}}"),
    .display_name = nexus.str("{{name}}"),
    .version = nexus.str("0.1.0"),
    .options_schema = nexus.str(options_schema),
    // Chats alone: clients of Anthropic's and Ollama's APIs are translated to these before they come here.
    .kinds = nexus.NEXUS_KIND_CHAT,
    .create = create,
    .destroy = destroy,
    .probe = beginProbe,
    .submit = submit,
};

/// The one symbol that the file exports.
export fn nexus_adapter_v1(_: [*c]const nexus.nexus_host, _: [*c]nexus.nexus_message) [*c]const nexus.nexus_adapter {
    return &table;
}
