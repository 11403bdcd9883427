#!/usr/bin/env python3
"""Writes Sources/PluginAPI/zig/nexus_plugin.zig: all of nexus_plugin.h under the same names, for Zig.

To be run after the header has changed; --check only says whether that is needed."""

import re
import sys

import abi

TARGET = abi.TOP / "Sources/PluginAPI/zig/nexus_plugin.zig"

HEAD = '''//! The ABI between the Nexus gateway (the host) and a backend adapter, for Zig: all of `nexus_plugin.h` under the same names,
//! written from it by scripts/zig_bindings.py. That header is the manual. It says of each function which thread may call it, who owns
//! which memory and what a failure looks like; read its first 80 lines before anything else.
//!
//! What is particular to Zig:
//!
//! - **Structures that you fill**: `nexus_health{ .status = NEXUS_HEALTHY }` sets `struct_size`, and leaves all that you do not name
//!   unknown.
//! - **Text** that you are given lives for the duration of the call: `slice` borrows it, and it is up to you not to keep it.
//! - **User pointers**: what you give as `user` comes back with the last call; free it there. Where a function that takes one did
//!   not return `NEXUS_OK`, no call comes and it is yours again.
//! - **Fields that came after 1.0** may be missing in what a host gives: ask `has` first.

/// Borrows text, which has to live until the call that gets this has returned.
pub fn str(text: []const u8) nexus_str {
    return .{ .ptr = text.ptr, .len = text.len };
}

/// The bytes of a text, valid for the call that brought it.
pub fn slice(text: nexus_str) []const u8 {
    return if (text.len == 0) "" else text.ptr[0..text.len];
}

/// Whether the side that filled a structure knows a field: `has(request, "headers")`.
pub fn has(pointer: anytype, comptime field: []const u8) bool {
    const Structure = @TypeOf(pointer.*);
    return pointer.struct_size >= @offsetOf(Structure, field) + @sizeOf(@FieldType(Structure, field));
}

/// Says something in the room that the caller has provided; what does not fit is cut.
pub fn say(message: [*c]nexus_message, text: []const u8) void {
    const length = @min(text.len, message.*.capacity);
    @memcpy(message.*.ptr[0..length], text[0..length]);
    message.*.length = length;
}
'''

SIMPLE = {
    "uint16_t": "u16", "uint32_t": "u32", "uint64_t": "u64", "int32_t": "i32", "int64_t": "i64", "size_t": "usize",
    "double": "f64", "char": "u8", "void": "anyopaque",
}  # fmt: skip
OPTIONAL = {("nexus_adapter", "cancel"), ("nexus_adapter", "extension"), ("nexus_actions", "offers")}
"""Functions that may be missing."""
FILLED_BY_HOST = {"nexus_host", "nexus_callbacks", "nexus_action_host", "nexus_message"}
UNKNOWN = {
    ("nexus_health", "latency_ms"): "-1", ("nexus_health", "status"): "NEXUS_UNHEALTHY",
    ("nexus_load", "running"): "NEXUS_LOAD_UNKNOWN", ("nexus_load", "waiting"): "NEXUS_LOAD_UNKNOWN",
    ("nexus_load", "cache_use"): "-1", ("nexus_model", "device_memory"): "NEXUS_TOKENS_UNKNOWN",
    ("nexus_outcome", "prompt_tokens"): "NEXUS_TOKENS_UNKNOWN", ("nexus_outcome", "completion_tokens"): "NEXUS_TOKENS_UNKNOWN",
    ("nexus_outcome", "cached_tokens"): "NEXUS_TOKENS_UNKNOWN", ("nexus_failure", "kind"): "NEXUS_FAIL_INTERNAL",
    ("nexus_response_head", "status"): "200", ("nexus_adapter", "abi_major"): "NEXUS_ABI_MAJOR",
    ("nexus_adapter", "abi_minor"): "NEXUS_ABI_MINOR",
}  # fmt: skip
"""What says nothing where that is not 0; see the header's "Zeroed structures"."""


def in_zig(text: str) -> str:
    text = text.strip()
    if "(*)" in text:
        result, rest = text.split("(*)", 1)
        parts, depth, part = [], 0, ""
        for character in rest.strip()[1:-1]:
            depth += (character == "(") - (character == ")")
            if character == "," and depth == 0:
                parts.append(part)
                part = ""
            else:
                part += character
        parts += [part] if part.strip() not in ("", "void") else []
        given = "void" if result.strip() == "void" else in_zig(result)
        return f"*const fn ({', '.join(map(in_zig, parts))}) callconv(.c) {given}"
    if text.endswith("*"):
        inner = text[:-1].strip()
        const = "const " if inner.startswith("const ") else ""
        name = in_zig(inner.removeprefix("const "))
        return f"?*{const}anyopaque" if name == "anyopaque" else f"[*c]{const}{name}"
    return SIMPLE.get(text, text)


def quoted(name: str) -> str:
    """A word of the language may be a name all the same."""
    return f'@"{name}"' if name in ("type", "error") else name


def default(structure: str, field: str, kind: str) -> str:
    if (structure, field) in UNKNOWN:
        return UNKNOWN[structure, field]
    if field == "struct_size":
        return f"@sizeOf({structure})"
    if (structure, field) in OPTIONAL or kind.startswith(("?", "[*c]")):
        return "null"
    if kind == "nexus_str":
        return ".{}"
    return "" if kind.startswith("*const fn") else "0"


def constants(text: str) -> list[str]:
    lines = []
    for name, value in re.findall(r"^#define (NEXUS_[A-Z0-9_]+) +(.+)$", re.sub(r"/\*.*?\*/", "", text.replace("\\\n", " "), flags=re.DOTALL), re.MULTILINE):
        if name in ("NEXUS_PLUGIN_H", "NEXUS_EXPORT"):
            continue
        value = value.strip()
        value = {"UINT32_MAX": "0xFFFFFFFF", "UINT64_MAX": "0xFFFFFFFFFFFFFFFF"}.get(value, value)
        if not value.startswith('"'):
            value = re.sub(r"\b(\d+)u\b", r"\1", value)
        value = " ".join(value.split())
        lines.append(f"pub const {name} = {value};")
    return lines


def source() -> str:
    text = abi.HEADER.read_text()
    header = abi.read_header(text)
    parts = [HEAD, "\n", "\n".join(constants(text)), "\n\n"]
    for name, kind in header.types.items():
        if name != "nexus_adapter_entry":
            parts.append(f"pub const {name} = {in_zig(kind)};\n")
    for name, fields in header.structs.items():
        parts.append(f"\npub const {name} = extern struct {{\n")
        for kind, field in fields:
            zig = ("?" if (name, field) in OPTIONAL else "") + in_zig(kind)
            value = "" if name in FILLED_BY_HOST else default(name, field, zig)
            parts.append(f"    {quoted(field)}: {zig}{' = ' + value if value else ''},\n")
        parts.append("};\n")
    return "".join(parts)


def main() -> int:
    wanted = source()
    if TARGET.exists() and TARGET.read_text() == wanted:
        return 0
    if "--check" in sys.argv[1:]:
        print("The bindings for Zig are not those of the header: run scripts/zig_bindings.py.", file=sys.stderr)
        return 1
    TARGET.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
