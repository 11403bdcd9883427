#!/usr/bin/env python3
"""What dashboards and watchers cost the requests: p99 with them by p99 without, in one run, turn by turn.

    benchmarks/dashboards.py                       500 subscribers of /ws at 200 updates a second, one of which never reads
    benchmarks/dashboards.py --watchers 50         50 watchers of the text of one stream, and no subscribers

Requests come at a fixed rate, whatever the answers take; each is an update for every subscriber. A round is one turn with them and
one without, in changing order; the ratio is the median of those of the rounds. The gateway has the last core; the load and the server
have the first, with the readers behind them at the lowest priority.
"""

import json
import resource
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

from run import CHAT, on_core
from turns import Figures, Turns, options

WATCHING = "[dashboard]\nshow_content = true\n"
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


class Bench(Turns):
    programs = ("server", "subscribers", "paced")
    # Events of the watched stream as from a fast model, for as long as all rounds last.
    pieces, gap = 10_000_000, 10
    stream: Stream | None = None

    def begin(self) -> None:
        if self.options.watchers:
            self.stream = Stream(self.gateway.port)

    def turn(self, kind: str) -> Figures:
        options, stream, readers = self.options, self.stream, None
        if kind == "with":
            path = f"/ws?watch={stream.exchange}" if stream else options.path
            count, silent = (options.watchers, 0) if stream else (options.subscribers - 1, 1)
            readers = Readers(self.folder, options.load_core, self.gateway.port, count, silent, path)
        self.load(0.5)
        if readers:
            readers.figures()
        before = self.gateway.cpu()
        found = self.load(options.seconds)
        found["cpu"] = (self.gateway.cpu() - before) / options.seconds
        found["memory"] = self.gateway.memory("VmRSS")
        if readers:
            told = readers.figures()
            found |= {"bytes": told["bytes"], "frames": told["frames"], "closed": told["closed"]}
            readers.end()
        return found

    def brief(self, turn: Figures) -> str:
        return f"{super().brief(turn)}, CPU {turn['cpu']:.1%}"

    def report(self) -> int:
        for figure in ("p50", "p90", "p99", "cpu"):
            self.ratio(figure, "with", "without")
        turns = self.turns["with"]
        per_second = sum(turn["frames"] for turn in turns) / self.options.seconds / len(turns)
        print(f"{per_second:,.0f} frames/s, {sum(turn['closed'] for turn in turns):.0f} closed; "
              f"peak memory {self.gateway.memory('VmHWM'):.1f} MB; {turns[0]['memory']:.1f} MB after the first turn with them, "
              f"{turns[-1]['memory']:.1f} MB after the last")
        return 0


if __name__ == "__main__":
    parser = options(__doc__, rounds=8)
    parser.add_argument("--subscribers", type=int, default=500)
    parser.add_argument("--path", default="/ws?updates=deltas", help="what they subscribe to")
    parser.add_argument("--watchers", type=int, default=0, help="of one stream; then there are no subscribers")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    chosen = parser.parse_args()
    sys.exit(Bench(chosen, WATCHING if chosen.watchers else "").main())
