"""The bindings for Rust are the header in other words: compiled programs in both languages tell the same layout."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import TOP

sys.path.insert(0, str(TOP / "scripts"))
import abi  # noqa: E402

BINDINGS = TOP / "Sources/PluginAPI/rust/nexus_plugin.rs"
INCLUDE = TOP / "Sources/PluginAPI/include"
HEADER = abi.read_header((INCLUDE / "nexus_plugin.h").read_text())

pytestmark = pytest.mark.skipif(shutil.which("rustc") is None, reason="rustc is not installed")

SIMPLE = {
    "uint16_t": "u16", "uint32_t": "u32", "uint64_t": "u64", "int32_t": "i32", "int64_t": "i64", "size_t": "usize",
    "double": "f64", "char": "u8", "void": "core::ffi::c_void",
}  # fmt: skip
OPTIONAL = {("nexus_adapter", "cancel"), ("nexus_adapter", "extension"), ("nexus_actions", "offers")}
"""Functions that may be missing, which Rust has to be told."""


def in_rust(text: str) -> str:
    """A type of C as Rust names it, with what the header's own names stand for."""
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
        given = "" if result.strip() == "void" else f" -> {in_rust(result)}"
        return f'unsafe extern "C" fn({", ".join(map(in_rust, parts))}){given}'
    if text.endswith("*"):
        inner = text[:-1].strip()
        is_const = inner.startswith("const ")
        return f"*{'const' if is_const else 'mut'} {in_rust(inner.removeprefix('const '))}"
    return in_rust(HEADER.types[text]) if text in HEADER.types else SIMPLE.get(text, text)


def run_c(folder: Path, body: str) -> list[str]:
    source = f'#include <stdio.h>\n#include "nexus_plugin.h"\nint main(void) {{\n{body}\nreturn 0;\n}}\n'
    (folder / "tell.c").write_text(source)
    command = [os.environ.get("CC", "cc"), "-std=c11", "-I", str(INCLUDE), str(folder / "tell.c"), "-o", str(folder / "tell-c")]
    subprocess.run(command, check=True)
    return subprocess.run([str(folder / "tell-c")], text=True, capture_output=True, check=True).stdout.splitlines()


def run_rust(folder: Path, body: str) -> list[str]:
    source = f'#[path = "{BINDINGS}"]\nmod nexus_plugin;\nuse nexus_plugin::*;\n'
    source += "#[allow(dead_code)]\nfn type_of<T>(_: *const T) -> &'static str { std::any::type_name::<T>() }\n"
    source += f"fn main() {{\n{body}\n}}\n"
    (folder / "tell.rs").write_text(source)
    command = ["rustc", "--edition", "2021", "-D", "warnings", str(folder / "tell.rs"), "-o", str(folder / "tell-rust")]
    subprocess.run(command, check=True)
    return subprocess.run([str(folder / "tell-rust")], text=True, capture_output=True, check=True).stdout.splitlines()


def field(name: str) -> str:
    return "r#type" if name == "type" else name


def test_every_structure_has_the_same_layout(tmp_path):
    c, rust = [], []
    for name, fields in HEADER.structs.items():
        c.append(f'printf("{name} %zu %zu\\n", sizeof({name}), _Alignof({name}));')
        rust.append(f'println!("{name} {{}} {{}}", std::mem::size_of::<{name}>(), std::mem::align_of::<{name}>());')
        for _, member in fields:
            c.append(f'printf("{name}.{member} %zu\\n", offsetof({name}, {member}));')
            rust.append(f'println!("{name}.{member} {{}}", std::mem::offset_of!({name}, {field(member)}));')

    told = run_c(tmp_path, "\n".join(c))

    assert len(told) > 100 and run_rust(tmp_path, "\n".join(rust)) == told


def test_every_field_and_function_has_the_same_type(tmp_path):
    expected, rust = [], []
    for name, fields in HEADER.structs.items():
        rust.append(f"{{ let it = std::mem::MaybeUninit::<{name}>::uninit(); let it = it.as_ptr();")
        for kind, member in fields:
            rust.append(
                f'println!("{name}.{member} {{}}", type_of(unsafe {{ std::ptr::addr_of!((*it).{field(member)}) }}));'
            )
            wanted = in_rust(kind)
            if (name, member) in OPTIONAL:
                wanted = f"core::option::Option<{wanted}>"
            expected.append(f"{name}.{member} {wanted}")
        rust.append("}")
    for name, kind in HEADER.types.items():
        rust.append(f'println!("{name} {{}}", std::any::type_name::<{name}>());')
        expected.append(f"{name} {in_rust(kind)}")

    told = [line.replace("tell::nexus_plugin::", "") for line in run_rust(tmp_path, "\n".join(rust))]

    assert told == expected


def test_every_constant_has_the_same_value(tmp_path):
    c, rust = [], []
    for name in HEADER.constants:
        is_text = name in ("NEXUS_ENTRY_SYMBOL", "NEXUS_ACTIONS") or name.startswith("NEXUS_HEADERS_OF_")
        c.append(
            f'printf("{name} %s\\n", {name});'
            if is_text
            else f'if ({name} < 0) printf("{name} %lld\\n", (long long)({name})); else printf("{name} %llu\\n", (unsigned long long)({name}));'
        )
        rust.append(f'println!("{name} {{}}", {name});')
    for name in ("NEXUS_ABI_MAJOR", "NEXUS_ABI_MINOR"):
        c.append(f'printf("{name} %u\\n", {name});')
        rust.append(f'println!("{name} {{}}", {name});')

    told = run_c(tmp_path, "\n".join(c))

    assert len(told) > 80 and run_rust(tmp_path, "\n".join(rust)) == told


def test_the_bindings_have_nothing_that_the_header_has_not():
    text = BINDINGS.read_text()
    constants = set(re.findall(r"^pub const (NEXUS_\w+)", text, re.MULTILINE))

    assert constants == {*HEADER.constants, "NEXUS_ABI_MAJOR", "NEXUS_ABI_MINOR"}
    assert set(re.findall(r"^pub struct (nexus_\w+)", text, re.MULTILINE)) == set(HEADER.structs)
    assert set(re.findall(r"^pub type (nexus_\w+)", text, re.MULTILINE)) == set(HEADER.types)


def test_new_structures_are_unknown_and_know_their_size(tmp_path):
    names = ["health", "load", "model", "http_request", "response_head", "outcome", "failure", "progress"]
    body = "\n".join(
        f"assert_eq!(nexus_{name}::NEW.struct_size as usize, std::mem::size_of::<nexus_{name}>());" for name in names
    )
    body += """
    assert_eq!(nexus_outcome::NEW.prompt_tokens, NEXUS_TOKENS_UNKNOWN);
    assert!(nexus_load::NEW.cache_use < 0.0 && nexus_load::NEW.running == NEXUS_LOAD_UNKNOWN);
    assert!(nexus_health::NEW.latency_ms < 0.0 && nexus_model::NEW.device_memory == u64::MAX);
    """

    assert run_rust(tmp_path, body) == []


def test_a_field_is_there_where_the_structure_is_long_enough(tmp_path):
    body = """
    let mut health = nexus_health::NEW;
    let pointer: *const nexus_health = &health;
    assert!(nexus_has!(pointer, nexus_health, kinds) && nexus_has!(pointer, nexus_health, reserved));
    for (size, has) in [(52, true), (51, false), (48, false), (0, false)] {
        health.struct_size = size;
        let pointer: *const nexus_health = &health;
        assert_eq!(nexus_has!(pointer, nexus_health, kinds), has);
    }
    """

    assert run_rust(tmp_path, body) == []


def test_a_panic_ends_before_the_border_and_a_message_within_its_room(tmp_path):
    body = r"""
    std::panic::set_hook(Box::new(|_| ()));
    assert_eq!(guarded(NEXUS_FAILED, || panic!("never further")), NEXUS_FAILED);
    let mut room = [0u8; 5];
    let mut message = nexus_message { ptr: room.as_mut_ptr(), capacity: 5, length: 0 };
    unsafe { message.write("abc\u{e4}\u{e4}") };
    assert_eq!(&room[..message.length], "abc\u{e4}".as_bytes());
    assert!(unsafe { nexus_str::EMPTY.bytes() }.is_empty() && unsafe { items::<u8>(std::ptr::null(), 0) }.is_empty());
    """

    assert run_rust(tmp_path, body) == []
