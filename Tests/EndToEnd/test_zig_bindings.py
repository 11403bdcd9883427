"""The bindings for Zig are those of the header: written from it, and of the same layout to both compilers."""

import os
import subprocess
import sys

import pytest

import projects
from gateway import TOP

sys.path.insert(0, str(TOP / "scripts"))
import abi  # noqa: E402

HEADER = abi.read_header(abi.HEADER.read_text())
INCLUDE = TOP / "Sources/PluginAPI/include"
BINDINGS = TOP / "Sources/PluginAPI/zig/nexus_plugin.zig"


def test_they_are_written_from_the_header_as_it_is():
    checked = subprocess.run([sys.executable, str(TOP / "scripts/zig_bindings.py"), "--check"], text=True, capture_output=True)

    assert checked.returncode == 0, checked.stderr


@pytest.mark.skipif(projects.ZIG is None, reason="zig is not installed")
def test_both_compilers_see_the_same_layout(tmp_path):
    places = [(name, field) for name, members in HEADER.structs.items() for _, field in members]
    lines = [f'printf("%zu\\n", sizeof({name}));' for name in HEADER.structs]
    lines += [f'printf("%zu\\n", offsetof({name}, {field}));' for name, field in places]
    body = '#include <stdio.h>\n#include "nexus_plugin.h"\nint main(void) {\n' + "\n".join(lines) + "\nreturn 0;\n}\n"
    (tmp_path / "tell.c").write_text(body)
    command = [os.environ.get("CC", "cc"), "-I", str(INCLUDE), str(tmp_path / "tell.c"), "-o", str(tmp_path / "tell")]
    subprocess.run(command, check=True)
    numbers = subprocess.run([str(tmp_path / "tell")], text=True, capture_output=True, check=True).stdout.split()

    asked = [f"@sizeOf(nexus.{name})" for name in HEADER.structs]
    asked += [f'@offsetOf(nexus.{name}, "{field}")' for name, field in places]
    claims = [f'    if ({what} != {number}) @compileError("{what.replace(chr(34), chr(39))} is not {number}");' for what, number in zip(asked, numbers, strict=True)]
    (tmp_path / "nexus_plugin.zig").write_text(BINDINGS.read_text())
    source = 'const nexus = @import("nexus_plugin.zig");\ncomptime {\n    @setEvalBranchQuota(100000);\n' + "\n".join(claims) + "\n}\n"
    (tmp_path / "compare.zig").write_text(source)
    built = subprocess.run(
        [*projects.ZIG.split(), "build-obj", "-fno-emit-bin", "compare.zig"], cwd=tmp_path, text=True, capture_output=True
    )

    assert built.returncode == 0, built.stderr
