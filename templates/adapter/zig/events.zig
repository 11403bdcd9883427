//! Reads a stream of server-sent events that comes in pieces, cut anywhere. It knows all line ends (LF, CR LF, CR), a byte order
//! mark at the start, and events with several lines of data. It holds one event, up to the limit of a buffer.
//!
//! https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

const std = @import("std");
const Buffer = @import("buffer.zig").Buffer;

/// One event, valid until the next call with its reader.
pub const Event = struct {
    /// All of it, up to and with the empty line, for an adapter that passes it on; lines end with LF.
    text: []const u8,
    /// Null for one without, like a comment that only keeps the connection alive.
    data: ?[]const u8,
};

pub const Events = struct {
    text: Buffer = .{},
    data: Buffer = .{},
    /// Where in the text the last line begins.
    line: usize = 0,
    has_data: bool = false,
    /// The caller has had this event: it makes room for the next.
    is_given: bool = false,
    /// The last byte was CR: if LF comes now, both are one line end.
    after_return: bool = false,
    /// The first line of the stream is complete.
    has_begun: bool = false,

    /// Takes bytes up to the end of the next event, and moves `bytes` behind them. Null: all were taken, and no event is complete.
    /// An error: the event is too large, or there is no memory for it.
    pub fn next(self: *Events, bytes: *[]const u8) error{TooLarge}!?Event {
        if (self.is_given) {
            self.text.length = 0;
            self.data.length = 0;
            self.line = 0;
            self.is_given = false;
            self.has_data = false;
        }
        while (bytes.len > 0) {
            if (self.after_return and bytes.*[0] == '\n') bytes.* = bytes.*[1..];
            self.after_return = false;
            if (bytes.len == 0) break;
            const end = std.mem.indexOfAny(u8, bytes.*, "\r\n");
            self.text.add(bytes.*[0 .. end orelse bytes.len]);
            if (self.text.failed) return error.TooLarge;
            if (end == null) {
                bytes.* = bytes.*[bytes.len..];
                break;
            }
            self.after_return = bytes.*[end.?] == '\r';
            bytes.* = bytes.*[end.? + 1 ..];
            if (try self.endLine()) return .{ .text = self.text.bytes(), .data = if (self.has_data) self.data.bytes() else null };
        }
        return null;
    }

    /// Looks at the last line, which has just become complete. True: it was the empty one behind an event.
    fn endLine(self: *Events) error{TooLarge}!bool {
        const mark = "\xEF\xBB\xBF";
        if (!self.has_begun and std.mem.startsWith(u8, self.text.bytes(), mark)) {
            self.text.length -= mark.len;
            std.mem.copyForwards(u8, self.text.room[0..self.text.length], self.text.room[mark.len..][0..self.text.length]);
        }
        self.has_begun = true;
        const line = self.text.bytes()[self.line..];
        if (line.len == 0 and self.line == 0) return false; // an empty line before the event
        const is_end = line.len == 0;
        // "data" alone is a line of data without a value; one space after the colon does not belong to the value.
        if (std.mem.eql(u8, line, "data") or std.mem.startsWith(u8, line, "data:")) {
            var value = line[@min(5, line.len)..];
            if (value.len > 0 and value[0] == ' ') value = value[1..];
            if (self.has_data) self.data.add("\n");
            self.data.add(value);
            self.has_data = true;
        }
        self.text.add("\n");
        self.line = self.text.length;
        self.is_given = is_end;
        if (self.text.failed or self.data.failed) return error.TooLarge;
        return is_end;
    }

    pub fn deinit(self: *Events) void {
        self.text.deinit();
        self.data.deinit();
    }
};
