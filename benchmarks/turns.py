"""What comparisons of turns share: a gateway on a core of its own, requests at a fixed rate, and ratios of turns of one round."""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from run import HERE, UNARY, Contender, free_port, on_core

CONFIGURATION = """[[backends]]
name = "bench"
type = "openai"
url = "http://127.0.0.1:{port}"
"""

Figures = dict[str, float]


class Turns:
    """Subclasses say what a turn of each kind is; all kinds have one in each round, in changing order."""

    kinds: tuple[str, ...] = ("with", "without")
    programs: tuple[str, ...] = ("server", "paced")
    """Of this folder, in C."""

    def __init__(self, options: argparse.Namespace, configuration: str = "") -> None:
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="nexus-turns-"))
        for program in self.programs:
            command = ["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", self.folder / program]
            subprocess.run([*command, HERE / f"{program}.c"], check=True)
        self.turns: dict[str, list[Figures]] = {kind: [] for kind in self.kinds}
        self.servers: list[subprocess.Popen[bytes]] = []
        upstream, port = free_port(), free_port()
        self.server(options.load_core, upstream)
        (self.folder / "nexus.toml").write_text(configuration + CONFIGURATION.format(port=upstream))
        build = Path(options.build)
        command = [*on_core(options.core), str(build / "nexus"), "serve", "--config", str(self.folder / "nexus.toml")]
        self.gateway = Contender("nexus", [*command, "--port", str(port), "--adapters-dir", str(build)], port)

    pieces, gap = 10, 600_000
    """Events of a stream of the servers, and milliseconds between two of them."""

    def server(self, core: str, port: int) -> None:
        command = [*on_core(core), str(self.folder / "server"), str(port), str(self.pieces), str(self.gap)]
        self.servers.append(subprocess.Popen(command))

    def main(self) -> int:
        try:
            time.sleep(0.2)
            self.gateway.start(self.folder / "log")
            self.load(2)
            self.begin()
            for number in range(self.options.rounds):
                for kind in self.kinds if number % 2 == 0 else reversed(self.kinds):
                    self.turns[kind].append(self.turn(kind))
                told = "; ".join(f"{kind} {self.brief(turns[-1])}" for kind, turns in self.turns.items())
                print(f"round {number + 1}: {told}", flush=True)
            return self.report()
        finally:
            self.gateway.stop()
            for server in self.servers:
                server.kill()

    def begin(self) -> None:
        """What lasts for all rounds."""

    def turn(self, kind: str) -> Figures:
        raise NotImplementedError

    def report(self) -> int:
        """The exit status."""
        raise NotImplementedError

    def brief(self, turn: Figures) -> str:
        return f"p50 {turn['p50']:.0f} p99 {turn['p99']:.0f} us, {turn['memory']:.1f} MB"

    def load(self, seconds: float) -> Figures:
        """Requests at the fixed rate; percentiles in microseconds."""
        command = [*on_core(self.options.load_core), str(self.folder / "paced"), str(self.gateway.port), str(self.options.rate)]
        found: Figures = json.loads(subprocess.run([*command, str(seconds), UNARY], capture_output=True, check=True).stdout)
        return found

    def ratio(self, figure: str, kind: str, other: str) -> float:
        """Of the turns of each round; printed, and the median returned."""
        ratios = sorted(a[figure] / b[figure] for a, b in zip(self.turns[kind], self.turns[other], strict=True))
        middle = statistics.median(ratios)
        print(f"{kind} by {other}: {figure} ratio {middle:.3f} ({', '.join(f'{ratio:.3f}' for ratio in ratios)})")
        return middle


def options(description: str | None, rounds: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=float, default=8, help="length of one turn")
    parser.add_argument("--rate", type=float, default=200, help="requests a second")
    parser.add_argument("--core", default=str((os.cpu_count() or 1) - 1), help="core of the gateway")
    parser.add_argument("--load-core", default="0", help="core of the load, the server and all others")
    parser.add_argument("--build", default=str(HERE.parent / ".build" / "release"), help="folder of nexus and its adapters")
    return parser
