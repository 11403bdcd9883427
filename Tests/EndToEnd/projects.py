"""Projects of new adapters, made and built as their READMEs say."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway import BUILD

LANGUAGES = [
    "c",
    "swift",
    pytest.param("rust", marks=pytest.mark.skipif(shutil.which("rustc") is None, reason="rustc is not installed")),
    pytest.param("c++", marks=pytest.mark.skipif(shutil.which("c++") is None, reason="no compiler for C++ is installed")),
]

QUICK = {**os.environ, "CONFIGURATION": "debug", "CFLAGS": "-O0 -g", "CXXFLAGS": "-O0 -g"}
"""For `make`: what is slow in a compiler is to make programs fast."""


def here() -> list[str]:
    """The languages that can be built on this machine."""
    return ["c", "swift", *(["rust"] if shutil.which("rustc") else []), *(["c++"] if shutil.which("c++") else [])]


def made(folder: Path, language: str, protocol: str = "openai") -> Path:
    """Writes a project and builds it by the one command that its README names."""
    name = f"my-{language.replace('+', 'p')}{'' if protocol == 'openai' else '-' + protocol}"
    command = [str(BUILD / "nexus"), "adapter", "new", name, "--lang", language, "--protocol", protocol]
    subprocess.run(command, cwd=folder, check=True)
    subprocess.run(["make"], cwd=folder / name, env=QUICK, check=True)
    return folder / name
