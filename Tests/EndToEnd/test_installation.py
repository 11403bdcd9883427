"""What `make install` puts in place works without the toolchain, and goes again."""

import os
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def test_an_installed_nexus_finds_its_adapters_and_its_runtime(tmp_path):
    made = subprocess.run(
        ["make", "install", "PREFIX=/opt/nexus", f"DESTDIR={tmp_path}"], cwd=TOP, text=True, capture_output=True
    )
    assert made.returncode == 0, made.stdout + made.stderr
    program = tmp_path / "opt/nexus/bin/nexus"

    listed = subprocess.run(
        [program, "adapters", "list"], cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, text=True, capture_output=True
    )
    linked = subprocess.run(["ldd", program], env={"PATH": "/usr/bin:/bin"}, text=True, capture_output=True)

    assert listed.returncode == 0, listed.stderr
    assert "openai" in listed.stdout and "ollama" in listed.stdout
    libraries = [line.split(" => ")[1] for line in linked.stdout.splitlines() if "swift" in line.lower() and " => " in line]
    assert libraries and all(os.path.realpath(path.split(" (")[0]).startswith(str(tmp_path)) for path in libraries)

    subprocess.run(["make", "uninstall", "PREFIX=/opt/nexus", f"DESTDIR={tmp_path}"], cwd=TOP, check=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
