"""Projects of new adapters, made and built as their READMEs say."""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import BUILD

ZIG = shutil.which("zig")
"""The compiler; PyPI's `ziglang` brings one, too."""
if ZIG is None and importlib.util.find_spec("ziglang"):
    ZIG = f"{sys.executable} -m ziglang"

COMPILERS = {"c": "cc", "swift": "swift", "rust": "rustc", "c++": "c++", "zig": ZIG}


def is_here(language: str) -> bool:
    """Whether it can be built on this machine."""
    compiler = COMPILERS[language]
    return compiler is not None and shutil.which(compiler.split()[0]) is not None


LANGUAGES = [
    pytest.param(language, marks=pytest.mark.skipif(not is_here(language), reason=f"no compiler for {language} is installed"))
    for language in COMPILERS
]
QUICK = {**os.environ, "CONFIGURATION": "debug", "CFLAGS": "-O0 -g", "CXXFLAGS": "-O0 -g", "MODE": "Debug", "ZIG": ZIG or "zig"}
"""For `make`: what is slow in a compiler is to make programs fast."""


def all_made(factory: pytest.TempPathFactory, protocol: str) -> dict[str, Path]:
    """One project for each language that can be built here, built once for all processes of the tests."""
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder = folder / f"projects-{protocol}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return {language: made(folder, language, protocol) for language in COMPILERS if is_here(language)}


def made(folder: Path, language: str, protocol: str) -> Path:
    """Writes a project and builds it by the one command that its README names, unless that was done."""
    name = f"my-{language.replace('+', 'p')}{'' if protocol == 'openai' else '-' + protocol}"
    if (folder / name / "build" / f"{name}.so").exists():
        return folder / name
    command = [str(BUILD / "nexus"), "adapter", "new", name, "--lang", language, "--protocol", protocol]
    subprocess.run(command, cwd=folder, check=True)
    subprocess.run(["make"], cwd=folder / name, env=QUICK, check=True)
    return folder / name
