"""Makes what users install, of the build under test, and runs it as they would."""

import os
import re
import subprocess
from pathlib import Path

from gateway import BUILD

TOP = Path(__file__).resolve().parents[2]
VERSION = re.search(r'version: StaticString = "(.+)"', (TOP / "Sources/Product/Product.swift").read_text())[1]

PLAIN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
"""The environment of somebody who has no toolchain."""


def make(script: str, folder: Path) -> Path:
    """Runs the script of a package into a folder; the one file that it makes. It is not compressed much: that takes minutes."""
    made = subprocess.run(
        [str(TOP / "scripts" / script)],
        env={**os.environ, "NEXUS_BUILD": str(BUILD), "NEXUS_DIST": str(folder), "NEXUS_DEB_COMPRESSION": "none"},
        text=True,
        capture_output=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    (package,) = folder.iterdir()
    return package
