#!/usr/bin/env python3
"""How long a page of the stored history takes: GET /v1/history?before=... over a file of five million requests.

    benchmarks/history.py                    five million requests (1 GB below the temporary folder), 60 pages of each kind
    benchmarks/history.py --rows 100000      a look
    benchmarks/history.py --check            ends with status 1 where a page took 50 ms or more

Times are those that a client sees, one connection, one page after the other. Pages of rare texts are cut by the gateway's own limit
(docs/history.md), so they show that limit. The processor time is the gateway's, by page.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

from run import HERE, TICKS, free_port

HOUR = 3_600_000
FILL = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
INSERT INTO requests (ended, instance, started, seq, request_id, model, backend, key, failed, code, duration_ms, ttft_ms,
    prompt_tokens, completion_tokens, tokens_estimated, endpoint, client, request_bytes, answer_bytes, attempts, stream, error)
SELECT ?2 + n * (?3 / ?1), 'bench', ?2, n, printf('req-%08x', n), printf('model-%d', n * 7919 % 200), printf('backend-%d', n * 31 % 50),
    CASE WHEN n % 3 = 0 THEN printf('team-%d', n % 17) END, n % 97 = 0, CASE WHEN n % 97 = 0 THEN 502 ELSE 200 END, n % 9000, n % 900,
    n % 4000, n % 600, 0, '/v1/chat/completions', printf('10.0.%d.%d', n % 4, n % 250), 900, 2000, 1, n % 2,
    CASE WHEN n % 97 = 0 THEN 'the server closed the connection' END
FROM numbers;
"""


def pages(rows: int, span: int, since: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Kinds of pages, without end."""
    chance = random.Random(1)
    day = 24 * HOUR
    while True:
        middle = str(chance.randrange(rows // 10, rows))
        start = since + chance.randrange(max(1, span - day))
        yield "newest", {"before": "newest"}
        yield "from the middle", {"before": middle}
        yield "model", {"before": middle, "model": f"model-{chance.randrange(200)}"}
        yield "backend", {"before": middle, "backend": f"backend-{chance.randrange(50)}"}
        yield "key", {"before": "newest", "key": f"team-{chance.randrange(17)}"}
        yield "failures", {"before": middle, "status": "Error"}
        yield "model and failures", {"before": "newest", "model": f"model-{chance.randrange(200)}", "status": "Error"}
        yield "a day", {"before": "newest", "from": instant(start), "to": instant(start + day)}
        yield "a frequent text", {"before": "newest", "q": "closed the connection"}
        yield "a rare text", {"before": "newest", "q": "nothing says this"}
        yield "a model that nobody has", {"before": "newest", "model": "absent"}


def instant(milliseconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(milliseconds / 1000))


def ticks(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="nexus-history-"))
        self.database = self.folder / "history.db"
        self.port = free_port()
        (self.folder / "nexus.toml").write_text(
            f'[history]\ndatabase = "{self.database}"\nkeep_bytes = 1099511627776\nkeep_days = 0\n'
            '[[backends]]\nname = "away"\ntype = "openai"\nurl = "http://127.0.0.1:9"\n'
        )

    def main(self) -> int:
        try:
            self.served(lambda _: None)
            self.fill()
            found: dict[str, list[float]] = {}
            cost: list[float] = []
            self.served(lambda process: cost.append(self.measure(process, found)))
            return self.report(found, cost[0])
        finally:
            shutil.rmtree(self.folder)

    def served(self, work) -> None:  # type: ignore[no-untyped-def]
        """Does the work while a gateway runs with the file."""
        command = [str(Path(self.options.build) / "nexus"), "serve", "--port", str(self.port), "--config", str(self.folder / "nexus.toml")]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [*command, "--adapters-dir", self.options.build], stdout=subprocess.PIPE, stderr=log,
                env=os.environ | {"XDG_STATE_HOME": str(self.folder)},
            )  # fmt: skip
        try:
            assert process.stdout
            if not process.stdout.readline():
                sys.exit((self.folder / "log").read_text())
            deadline = time.monotonic() + 60
            while not self.page({"before": "newest", "limit": "1"})[0]:
                if time.monotonic() > deadline:
                    sys.exit("the history cannot be read:\n" + (self.folder / "log").read_text())
                time.sleep(0.1)
            work(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()

    def fill(self) -> None:
        rows, span = self.options.rows, 60 * 24 * HOUR
        began = time.monotonic()
        self.since = int(time.time() * 1000) - span
        with sqlite3.connect(self.database) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(FILL, (rows, self.since, span))
        connection.close()
        print(f"{rows:,} requests, {self.database.stat().st_size / 1e6:,.0f} MB, written in {time.monotonic() - began:.0f} s", flush=True)

    def page(self, query: dict[str, str]) -> tuple[int, float, int]:
        """Whether it was there, milliseconds, and its entries."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.connect()
            began = time.monotonic()
            connection.request("GET", "/v1/history?" + urllib.parse.urlencode(query))
            answer = connection.getresponse()
            body = answer.read()
            took = (time.monotonic() - began) * 1000
            return answer.status == 200, took, len(json.loads(body).get("data", []))
        finally:
            connection.close()

    def measure(self, process: int, found: dict[str, list[float]]) -> float:
        """Milliseconds of the gateway's processor time for a page."""
        kinds = pages(self.options.rows, 60 * 24 * HOUR, self.since)
        count, before = 11 * self.options.pages, ticks(process)
        for _ in range(count):
            kind, query = next(kinds)
            is_there, took, _ = self.page(query)
            if not is_there:
                sys.exit(f"no page for {query}")
            found.setdefault(kind, []).append(took)
        return (ticks(process) - before) * 1000 / count

    def report(self, found: dict[str, list[float]], cost: float) -> int:
        for kind, times in found.items():
            times.sort()
            print(f"{kind:24} p50 {statistics.median(times):6.1f} ms   p95 {times[int(len(times) * 0.95)]:6.1f}   longest {times[-1]:6.1f}")
        print(f"processor time of the gateway: {cost:.1f} ms a page")
        longest = max(times[-1] for times in found.values())
        return 1 if self.options.check and longest >= 50 else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--pages", type=int, default=60, help="pages of each kind")
    parser.add_argument("--build", default=str(HERE.parent / ".build" / "release"), help="folder of nexus and its adapters")
    parser.add_argument("--check", action="store_true", help="fail where a page took 50 ms or more")
    sys.exit(Bench(parser.parse_args()).main())
