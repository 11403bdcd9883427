//! {{name}}: an adapter for the Nexus gateway. This file: the table that the gateway reads, and the life of an instance.
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

/// An instance: one configured backend. Nothing of it changes after create(), so all event loops may read it at once.
pub const Backend = struct {
    host: [*c]const nexus.nexus_host,
    callbacks: [*c]const nexus.nexus_callbacks,
    /// Empty without one.
    api_key: Buffer = .{},
    models_path: Buffer = .{},
    chat_path: Buffer = .{},

    /// The headers of a request to the server. `request` is what the client asked for; null for a probe.
    pub fn addHeaders(self: *const Backend, to: *Headers, request: ?*const nexus.nexus_request) void {
        to.add("accept", "application/json, text/event-stream");
        if (self.api_key.length > 0) {
            var value = Buffer{};
            defer value.deinit();
            value.add("Bearer ");
            value.add(self.api_key.bytes());
            to.add("authorization", value.bytes());
        }
        const asked = request orelse return;
        to.add("content-type", "application/json");
        if (asked.request_id.len > 0) to.add("x-request-id", nexus.slice(asked.request_id));
        // The client's own headers that may go to a server. A gateway from before ABI 1.2 does not give them.
        if (nexus.has(asked, "header_count")) to.copy(asked.headers, asked.header_count);
    }
};

// ---------------------------------------------------------------------------------------------- options ----

const options_schema =
    \\{"type":"object","additionalProperties":false,"properties":{
    \\"path_prefix":{"type":"string","description":"before /models and /chat/completions","default":"/v1"}}}
;

/// The host has checked the options against the schema; what a schema cannot say is checked here. Words: what the operator should
/// change.
fn readOptions(options: []const u8, prefix: *Buffer) ?[]const u8 {
    if (options.len == 0) {
        prefix.add("/v1");
        return null;
    }
    const object = json.parse(options) orelse return "options must be an object";
    if (json.kind(object) != '{') return "options must be an object";
    var items = json.Items.of(object);
    while (items.next()) |item| {
        if (!json.isText(item.name, "path_prefix")) return "options.path_prefix is the only option that is known";
        prefix.length = 0;
        json.decode(item.value, prefix);
        const text = prefix.bytes();
        const is_path = text.len == 0 or (text[0] == '/' and text[text.len - 1] != '/');
        if (json.kind(item.value) != '"' or !is_path) {
            return "options.path_prefix must be a text like \"/v1\", without a slash at its end, or empty";
        }
    }
    if (json.member(object, "path_prefix") == null) prefix.add("/v1");
    return null;
}

/// The first name that is no option, for a message.
fn unknownOption(options: []const u8) ?[]const u8 {
    var items = json.Items.of(json.parse(options) orelse return null);
    while (items.next()) |item| {
        if (!json.isText(item.name, "path_prefix")) return json.inside(item.name);
    }
    return null;
}

// ------------------------------------------------------------------------------------------------- life ----

fn create(
    config: [*c]const nexus.nexus_backend_config,
    host: [*c]const nexus.nexus_host,
    callbacks: [*c]const nexus.nexus_callbacks,
    instance: [*c]?*anyopaque,
    message: [*c]nexus.nexus_message,
) callconv(.c) nexus.nexus_status {
    const options = nexus.slice(config.*.options);
    if (unknownOption(options)) |name| {
        var room: [256]u8 = undefined;
        const words = std.fmt.bufPrint(&room, "options.{s} is not known; known are: path_prefix", .{name[0..@min(name.len, 64)]});
        nexus.say(message, words catch "an option is not known; known are: path_prefix");
        return nexus.NEXUS_INVALID;
    }
    var prefix = Buffer{};
    defer prefix.deinit();
    if (readOptions(options, &prefix)) |words| {
        nexus.say(message, words);
        return nexus.NEXUS_INVALID;
    }
    const self = allocator.create(Backend) catch return nexus.NEXUS_FAILED;
    self.* = .{ .host = host, .callbacks = callbacks };
    self.api_key.add(nexus.slice(config.*.api_key));
    self.models_path.add(prefix.bytes());
    self.models_path.add("/models");
    self.chat_path.add(prefix.bytes());
    self.chat_path.add("/chat/completions");
    if (prefix.failed or self.api_key.failed or self.models_path.failed or self.chat_path.failed) {
        destroy(self);
        return nexus.NEXUS_FAILED;
    }
    instance.* = self;
    return nexus.NEXUS_OK;
}

/// All tasks of the instance have ended before.
fn destroy(instance: ?*anyopaque) callconv(.c) void {
    const self: *Backend = @ptrCast(@alignCast(instance orelse return));
    self.api_key.deinit();
    self.models_path.deinit();
    self.chat_path.deinit();
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
    // default_urls: where the gateway looks for such servers when nothing is configured. Leave them out until that is wanted.
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
