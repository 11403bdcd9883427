//! A small reader for JSON text in memory: a value is the part of the text where it stands. No allocation, no copy. Strings keep
//! their quotes and escapes, so what is passed on is not decoded and encoded again.

const std = @import("std");
const Buffer = @import("buffer.zig").Buffer;

pub const Json = []const u8;

/// The value that a text begins with; null: it does not begin with one that is complete.
pub fn parse(text: []const u8) ?Json {
    const start = std.mem.trimStart(u8, text, " \t\r\n");
    if (start.len == 0) return null;
    const end = switch (start[0]) {
        '"' => stringEnd(start, 0),
        '{', '[' => bracketEnd(start),
        else => wordEnd(start),
    } orelse return null;
    return start[0..end];
}

/// '{', '[', '"', 't', 'f', 'n', or '0' for every number.
pub fn kind(value: Json) u8 {
    if (value.len == 0) return 0;
    return if (std.ascii.isDigit(value[0]) or value[0] == '-') '0' else value[0];
}

/// The member of an object; of two with one name the last counts.
pub fn member(object: Json, name: []const u8) ?Json {
    var found: ?Json = null;
    if (kind(object) != '{') return null;
    var items = Items.of(object);
    while (items.next()) |item| {
        if (isText(item.name, name)) found = item.value;
    }
    return found;
}

/// The member of that name and kind.
pub fn memberOf(object: Json, name: []const u8, wanted: u8) ?Json {
    const value = member(object, name) orelse return null;
    return if (kind(value) == wanted) value else null;
}

/// Whether it is a string with exactly this content, written without escapes.
pub fn isText(value: Json, text: []const u8) bool {
    return kind(value) == '"' and std.mem.eql(u8, inside(value), text);
}

/// What stands between the quotes of a string.
pub fn inside(string: Json) []const u8 {
    return if (kind(string) == '"') string[1 .. string.len - 1] else "";
}

/// A whole number that is not negative.
pub fn count(value: Json) ?u64 {
    if (kind(value) != '0' or value.len > 18) return null;
    return std.fmt.parseInt(u64, value, 10) catch null;
}

/// The items of a list, or the members of an object, whose names are strings.
pub const Items = struct {
    pub const Item = struct { name: Json, value: Json };

    rest: []const u8,

    pub fn of(value: Json) Items {
        return .{ .rest = if (kind(value) == '{' or kind(value) == '[') value[1..] else "" };
    }

    pub fn next(self: *Items) ?Item {
        var rest = std.mem.trimStart(u8, self.rest, " \t\r\n,");
        var item = Item{ .name = "", .value = parse(rest) orelse return null };
        rest = std.mem.trimStart(u8, rest[item.value.len..], " \t\r\n");
        if (rest.len > 0 and rest[0] == ':') {
            rest = std.mem.trimStart(u8, rest[1..], " \t\r\n");
            item = .{ .name = item.value, .value = parse(rest) orelse return null };
            rest = std.mem.trimStart(u8, rest[item.value.len..], " \t\r\n");
        }
        if (rest.len == 0 or (rest[0] != ',' and rest[0] != '}' and rest[0] != ']')) return null;
        self.rest = rest;
        return item;
    }
};

/// Adds what a string says to a text.
pub fn decode(string: Json, to: *Buffer) void {
    const text = inside(string);
    var index: usize = 0;
    while (index < text.len) {
        const byte = text[index];
        index += 1;
        if (byte != '\\' or index == text.len) {
            to.add(&.{byte});
            continue;
        }
        const letter = text[index];
        index += 1;
        switch (letter) {
            'b' => to.add("\x08"),
            'f' => to.add("\x0c"),
            'n' => to.add("\n"),
            'r' => to.add("\r"),
            't' => to.add("\t"),
            'u' => {
                var code: u21 = unit(text, index) orelse 0xFFFD;
                index = @min(index + 4, text.len);
                if (code >= 0xD800 and code < 0xDC00 and std.mem.startsWith(u8, text[index..], "\\u")) {
                    const low = unit(text, index + 2) orelse 0;
                    if (low >= 0xDC00 and low < 0xE000) {
                        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                        index += 6;
                    }
                }
                // Half of a pair stands for nothing.
                if (code >= 0xD800 and code < 0xE000) code = 0xFFFD;
                var room: [4]u8 = undefined;
                const length = std.unicode.utf8Encode(code, &room) catch 0;
                to.add(room[0..length]);
            },
            else => to.add(&.{letter}),
        }
    }
}

/// Adds a text as a JSON string.
pub fn quote(text: []const u8, to: *Buffer) void {
    to.add("\"");
    for (text) |byte| {
        if (byte == '"' or byte == '\\') {
            to.add(&.{ '\\', byte });
        } else if (byte < 0x20) {
            to.print("\\u{x:0>4}", .{byte});
        } else {
            to.add(&.{byte});
        }
    }
    to.add("\"");
}

fn unit(text: []const u8, start: usize) ?u21 {
    if (start > text.len or text.len - start < 4) return null;
    return std.fmt.parseInt(u16, text[start..][0..4], 16) catch null;
}

fn stringEnd(text: []const u8, start: usize) ?usize {
    var index = start + 1;
    while (index < text.len) : (index += 1) {
        if (text[index] == '\\') {
            index += 1;
        } else if (text[index] == '"') {
            return index + 1;
        }
    }
    return null;
}

/// Brackets are counted, not nested: no depth of a hostile text can exhaust the stack.
fn bracketEnd(text: []const u8) ?usize {
    var depth: usize = 0;
    var index: usize = 0;
    while (index < text.len) {
        switch (text[index]) {
            '"' => {
                index = stringEnd(text, index) orelse return null;
                continue;
            },
            '{', '[' => depth += 1,
            '}', ']' => {
                depth -= 1;
                if (depth == 0) return index + 1;
            },
            else => {},
        }
        index += 1;
    }
    return null;
}

fn wordEnd(text: []const u8) ?usize {
    var end: usize = 0;
    while (end < text.len and (std.ascii.isDigit(text[end]) or std.ascii.isLower(text[end]) or
        std.mem.indexOfScalar(u8, "-+.E", text[end]) != null)) end += 1;
    return if (end > 0) end else null;
}
