"""A page of the documentation as a reader follows it: its files are written, its commands run, one after the other.

Blocks of a page say what they are by the first word behind the fence:

* `toml`, `yaml`, `nginx`, `caddy` whose first line is `# NAME`: a file of that name.
* `sh`: commands for a shell; what they set in the environment stays. `sh serve` starts the gateway, and waits until it listens.
* `python`: a program.

Others are for reading. What a page cannot know (free ports, stand-ins for servers) is put into its text before.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gateway import BUILD, LONG, TOP, free_port

FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = ("toml", "yaml", "nginx", "caddy")


@dataclass
class Block:
    language: str
    kind: str
    text: str


class Page:
    def __init__(self, name: str, folder: Path, **stand_ins: str) -> None:
        """`stand_ins`: texts of the page, and what takes their place; the gateway's address always does."""
        self.port = free_port()
        self.folder = folder
        self.text = (TOP / "docs" / name).read_text()
        self.gateway: subprocess.Popen[str] | None = None
        self.log = folder / "log"
        state = folder / "state"
        self.environment = {
            **os.environ,
            "PATH": f"{BUILD}:{os.environ['PATH']}",
            "NEXUS_ADAPTERS_DIR": str(BUILD),
            "NEXUS_PORT": str(self.port),
            "XDG_STATE_HOME": str(state),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "CURL_HOME": str(folder),
        }
        self.text = self.text.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")
        self.replace(**stand_ins)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def replace(self, **stand_ins: str) -> None:
        for old, new in stand_ins.items():
            assert old in self.text, f"the page does not have {old!r}"
            self.text = self.text.replace(old, new)

    @property
    def blocks(self) -> list[Block]:
        return [Block(language, kind.strip(), text) for language, kind, text in FENCE.findall(self.text)]

    def files(self) -> None:
        """Writes all files of the page."""
        for block in self.blocks:
            name = re.match(r"# ([\w.]+)\n", block.text)
            if block.language in FILES and name:
                (self.folder / name.group(1)).write_text(block.text)

    def run(self, wanted: str, may_fail: bool = False) -> str:
        """Runs the one block that holds these words, and returns what it printed."""
        found = [block for block in self.blocks if block.language in ("sh", "python") and wanted in block.text]
        assert len(found) == 1, f"{len(found)} blocks hold {wanted!r}"
        return self.follow(found[0], may_fail)

    def follow(self, block: Block, may_fail: bool = False) -> str:
        if block.language == "python":
            return self.command([sys.executable, "-c", block.text], may_fail)
        if block.kind == "serve":
            self.serve(block.text)
            return ""
        kept = self.folder / "environment"
        # `set -e`: each command must go well, not the last alone.
        flags = "set +e\n" if may_fail else "set -e -o pipefail\n"
        printed = self.command(["bash", "-c", f"{flags}{block.text}\nenv -0 > {kept}"], may_fail)
        pairs = (entry.partition("=") for entry in kept.read_bytes().decode().split("\0") if entry)
        self.environment = {name: value for name, _, value in pairs}
        return printed

    def command(self, words: list[str], may_fail: bool) -> str:
        told = subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=LONG, check=False
        )
        assert may_fail or told.returncode == 0, f"{words[-1]}\n{told.stdout}\n{told.stderr}"
        return told.stdout + told.stderr

    def serve(self, text: str) -> None:
        with self.log.open("w") as log:
            self.gateway = subprocess.Popen(
                ["bash", "-c", f"exec {text.strip()}"], cwd=self.folder, env=self.environment,
                stdout=subprocess.PIPE, stderr=log, text=True,
            )
        assert self.gateway.stdout is not None
        line = self.gateway.stdout.readline()
        assert line.startswith("nexus: listening on "), f"it did not start:\n{line}{self.log.read_text()}"

    def end(self) -> None:
        if self.gateway is None:
            return
        self.gateway.terminate()
        status = self.gateway.wait(timeout=LONG)
        assert status == 0, self.log.read_text()
