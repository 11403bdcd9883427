//! Text that grows, up to a limit. Whether something went wrong is looked at once, at the end.

const std = @import("std");

pub const allocator = std.heap.c_allocator;

/// Bytes; nothing that strangers send may grow without end.
pub const limit = 16 * 1024 * 1024;

pub const Buffer = struct {
    room: []u8 = &.{},
    length: usize = 0,
    /// No memory, or too long.
    failed: bool = false,

    pub fn add(self: *Buffer, text: []const u8) void {
        if (self.failed or text.len > limit - self.length) {
            self.failed = true;
            return;
        }
        if (self.length + text.len > self.room.len) {
            self.room = allocator.realloc(self.room, (self.length + text.len) * 2) catch {
                self.failed = true;
                return;
            };
        }
        @memcpy(self.room[self.length..][0..text.len], text);
        self.length += text.len;
    }

    pub fn print(self: *Buffer, comptime format: []const u8, arguments: anytype) void {
        var room: [512]u8 = undefined;
        self.add(std.fmt.bufPrint(&room, format, arguments) catch room[0..0]);
    }

    pub fn bytes(self: *const Buffer) []const u8 {
        return self.room[0..self.length];
    }

    pub fn deinit(self: *Buffer) void {
        allocator.free(self.room);
        self.* = .{};
    }
};
