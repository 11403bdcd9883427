"""Projects of new adapters, made and built as their READMEs say."""

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


def here() -> list[str]:
    return [language for language in COMPILERS if is_here(language)]


def made(folder: Path, language: str, protocol: str = "openai") -> Path:
    """Writes a project and builds it by the one command that its README names."""
    name = f"my-{language.replace('+', 'p')}{'' if protocol == 'openai' else '-' + protocol}"
    command = [str(BUILD / "nexus"), "adapter", "new", name, "--lang", language, "--protocol", protocol]
    subprocess.run(command, cwd=folder, check=True)
    subprocess.run(["make"], cwd=folder / name, env=QUICK, check=True)
    return folder / name
