#!/usr/bin/env python3
"""What dashboards and watchers cost the requests: p99 with them by p99 without, in one run, turn by turn.

    benchmarks/dashboards.py                       500 subscribers of /ws at 200 updates a second, one of which never reads
    benchmarks/dashboards.py --watchers 50         50 watchers of the text of one stream, and no subscribers

Requests come at a fixed rate, whatever the answers take; each is an update for every subscriber. A round is one turn with them and
one without, in changing order; the ratio is the median of those of the rounds. The gateway has the last core; the load and the server
have the first, with the readers behind them at the lowest priority.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from run import CHAT, HERE, UNARY, Contender, free_port, on_core

WATCHING = "[dashboard]\nshow_content = true\n"
CONFIGURATION = """[[backends]]
name = "bench"
type = "openai"
url = "http://127.0.0.1:{port}"
"""
WATCHED = json.dumps({**CHAT, "stream": True, "user": "watched"}, separators=(",", ":"))


class Readers:
    """Subscribers in a process of their own."""

    def __init__(self, folder: Path, core: str, port: int, count: int, silent: int, path: str) -> None:
        command = [*on_core(core), "nice", "-n", "19", str(folder / "subscribers"), str(port), str(count), str(silent), path]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._line() != "ready":
            sys.exit("the subscribers do not connect")

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def figures(self) -> dict[str, int]:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found: dict[str, int] = json.loads(self._line())
        return found

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


class Stream:
    """One long stream, read as it comes, for others to watch."""

    def __init__(self, port: int) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/chat/completions", WATCHED.encode(), {"content-type": "application/json"})
        self.answer = urllib.request.urlopen(request)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/requests/active") as listed:
            self.exchange: str = next(row["exchange"] for row in json.load(listed)["data"] if row["stream"])

    def _read(self) -> None:
        while self.answer.read1(65536):
            pass


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="nexus-dashboards-"))
        for program in ("server", "subscribers", "paced"):
            command = ["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", self.folder / program]
            subprocess.run([*command, HERE / f"{program}.c"], check=True)
        self.turns: dict[str, list[dict[str, float]]] = {"with": [], "without": []}

    def main(self) -> int:
        options = self.options
        upstream, port = free_port(), free_port()
        # Events of the watched stream as from a fast model, for as long as all rounds last.
        server = subprocess.Popen([*on_core(options.load_core), str(self.folder / "server"), str(upstream), "10000000", "10"])
        (self.folder / "nexus.toml").write_text((WATCHING if options.watchers else "") + CONFIGURATION.format(port=upstream))
        build = Path(options.build)
        command = [*on_core(options.core), str(build / "nexus"), "serve", "--config", str(self.folder / "nexus.toml")]
        gateway = Contender("nexus", [*command, "--port", str(port), "--adapters-dir", str(build)], port)
        try:
            time.sleep(0.2)
            gateway.start(self.folder / "log")
            self.load(port, 2)
            stream = Stream(port) if options.watchers else None
            for number in range(options.rounds):
                for kind in ("with", "without") if number % 2 == 0 else ("without", "with"):
                    self.turn(gateway, kind, stream)
                print(f"round {number + 1}: " + "; ".join(
                    f"{kind} p50 {turn['p50']:.0f} p99 {turn['p99']:.0f} us, CPU {turn['cpu']:.1%}, {turn['memory']:.1f} MB"
                    for kind, turn in ((kind, turns[-1]) for kind, turns in self.turns.items())), flush=True)
            return self.report(gateway)
        finally:
            gateway.stop()
            server.kill()

    def load(self, port: int, seconds: float) -> dict[str, float]:
        command = [*on_core(self.options.load_core), str(self.folder / "paced"), str(port), str(self.options.rate)]
        found: dict[str, float] = json.loads(subprocess.run([*command, str(seconds), UNARY], capture_output=True, check=True).stdout)
        return found

    def turn(self, gateway: Contender, kind: str, stream: Stream | None) -> None:
        options, readers = self.options, None
        if kind == "with":
            path = f"/ws?watch={stream.exchange}" if stream else options.path
            count, silent = (options.watchers, 0) if stream else (options.subscribers - 1, 1)
            readers = Readers(self.folder, options.load_core, gateway.port, count, silent, path)
        self.load(gateway.port, 0.5)
        if readers:
            readers.figures()
        before = gateway.cpu()
        found = self.load(gateway.port, options.seconds)
        found["cpu"] = (gateway.cpu() - before) / options.seconds
        found["memory"] = gateway.memory("VmRSS")
        if readers:
            told = readers.figures()
            found |= {"bytes": told["bytes"], "frames": told["frames"], "closed": told["closed"]}
            readers.end()
        self.turns[kind].append(found)

    def report(self, gateway: Contender) -> int:
        for figure in ("p50", "p90", "p99", "cpu"):
            ratios = [one[figure] / other[figure] for one, other in zip(self.turns["with"], self.turns["without"], strict=True)]
            middle = {kind: statistics.median(turn[figure] for turn in turns) for kind, turns in self.turns.items()}
            print(f"{figure:4} with {middle['with']:.4g}, without {middle['without']:.4g}; "
                  f"ratio {statistics.median(ratios):.3f} ({', '.join(f'{ratio:.3f}' for ratio in sorted(ratios))})")
        per_second = sum(turn["frames"] for turn in self.turns["with"]) / self.options.seconds / len(self.turns["with"])
        print(f"{per_second:,.0f} frames/s, {sum(turn['closed'] for turn in self.turns['with']):.0f} closed; "
              f"peak memory {gateway.memory('VmHWM'):.1f} MB; {self.turns['with'][0]['memory']:.1f} MB after the first turn with them, "
              f"{self.turns['with'][-1]['memory']:.1f} MB after the last")
        return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=8, help="length of one turn")
    parser.add_argument("--rate", type=float, default=200, help="requests, and with them updates, a second")
    parser.add_argument("--subscribers", type=int, default=500)
    parser.add_argument("--path", default="/ws?updates=deltas", help="what they subscribe to")
    parser.add_argument("--watchers", type=int, default=0, help="of one stream; then there are no subscribers")
    parser.add_argument("--core", default=str((os.cpu_count() or 1) - 1), help="core of the gateway")
    parser.add_argument("--load-core", default="0", help="core of the load, the server and the readers")
    parser.add_argument("--build", default=str(HERE.parent / ".build" / "release"), help="folder of nexus and its adapters")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    sys.exit(Bench(parser.parse_args()).main())
