//! Header fields that are kept: those of an answer are borrowed in on_head, and the answer to the client begins later. Give all of
//! them to the host, which picks those that a client may see (NEXUS_HEADERS_OF_SERVERS).

const std = @import("std");
const nexus = @import("nexus_plugin.zig");
const allocator = @import("buffer.zig").allocator;

pub const Headers = struct {
    room: [limit]nexus.nexus_header = undefined,
    length: usize = 0,

    /// More are left out.
    pub const limit = 64;

    /// Without memory it is left out.
    pub fn add(self: *Headers, name: []const u8, value: []const u8) void {
        if (self.length == limit) return;
        const bytes = allocator.alloc(u8, name.len + value.len + 1) catch return;
        @memcpy(bytes[0..name.len], name);
        @memcpy(bytes[name.len..][0..value.len], value);
        self.room[self.length] = .{ .name = nexus.str(bytes[0..name.len]), .value = .{ .ptr = bytes.ptr + name.len, .len = value.len } };
        self.length += 1;
    }

    pub fn copy(self: *Headers, fields: [*c]const nexus.nexus_header, count: usize) void {
        for (0..count) |index| self.add(nexus.slice(fields[index].name), nexus.slice(fields[index].value));
    }

    /// The value of the first field of that name, in any case; empty if there is none.
    pub fn find(self: *const Headers, name: []const u8) []const u8 {
        for (self.room[0..self.length]) |field| {
            if (std.ascii.eqlIgnoreCase(nexus.slice(field.name), name)) return nexus.slice(field.value);
        }
        return "";
    }

    /// What `retry-after` says; 0 if it is missing, a date, or more than a day.
    pub fn retryAfterMilliseconds(self: *const Headers) u32 {
        const seconds = std.fmt.parseInt(u32, self.find("retry-after"), 10) catch return 0;
        return if (seconds <= 86400) seconds * 1000 else 0;
    }

    pub fn deinit(self: *Headers) void {
        for (self.room[0..self.length]) |field| {
            allocator.free(@constCast(field.name.ptr[0 .. field.name.len + field.value.len + 1]));
        }
        self.length = 0;
    }
};

/// Whether a text begins with another, in any case.
pub fn begins(text: []const u8, with: []const u8) bool {
    return text.len >= with.len and std.ascii.eqlIgnoreCase(text[0..with.len], with);
}

/// Which failure an error answer is: it decides whether the gateway tries another backend, and what the client sees.
pub fn kindOfStatus(status: u32) nexus.nexus_failure_kind {
    return switch (status) {
        401, 403 => nexus.NEXUS_FAIL_AUTH,
        404, 501 => nexus.NEXUS_FAIL_UNSUPPORTED, // the gateway passes a 404 on, and tries 501 elsewhere
        408, 425, 429, 503 => nexus.NEXUS_FAIL_BUSY,
        504 => nexus.NEXUS_FAIL_TIMEOUT,
        400, 402, 405...407, 409...424, 426...428, 430...499 => nexus.NEXUS_FAIL_REJECTED,
        else => nexus.NEXUS_FAIL_UPSTREAM,
    };
}

/// The failure of an HTTP request that did not end well.
pub fn kindOfEnd(result: nexus.nexus_http_result) nexus.nexus_failure_kind {
    return switch (result) {
        nexus.NEXUS_HTTP_REFUSED => nexus.NEXUS_FAIL_CONNECT,
        nexus.NEXUS_HTTP_TIMED_OUT => nexus.NEXUS_FAIL_TIMEOUT,
        else => nexus.NEXUS_FAIL_UPSTREAM,
    };
}
