#!/usr/bin/env python3
"""Measures Nexus against nginx as a plain reverse proxy, in one run on one machine, turn by turn.

The gateway runs on the last core, the load and the server on the first, so figures are "per core of gateway". Ratios are
medians over the rounds of Nexus by nginx in the same round: trust those, and CPU time before requests a second.
"""

import argparse
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
TICKS = os.sysconf("SC_CLK_TCK")
MESSAGE = 'Tell me something "short" about the history of reverse proxies, please. ' * 11
CHAT = {"model": "bench", "messages": [{"role": "user", "content": MESSAGE}], "temperature": 0.2, "max_tokens": 64}
UNARY = json.dumps(CHAT, separators=(",", ":"))
STREAM = json.dumps({**CHAT, "stream": True}, separators=(",", ":"))
WRK_SCRIPT = """wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[%s]==]
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format('JSON{"requests":%%d,"seconds":%%f,"p50_us":%%d,"p99_us":%%d,"errors":%%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def on_core(core: str) -> list[str]:
    return ["taskset", "-c", core]


def descendants(leader: int) -> list[int]:
    """The process and all of its children's children."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(entry)] = int(fields[1])
    found = [leader]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found


@dataclass
class Contender:
    name: str
    command: list[str]
    port: int
    process: "subprocess.Popen[bytes] | None" = None
    figures: dict[str, list[float]] = field(default_factory=dict)

    def start(self, log: Path) -> float:
        """Seconds until the first chat was answered."""
        began = time.monotonic()
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, stdout=output, stderr=output, start_new_session=True,
                # The history is kept, as it is for users, but not among theirs.
                env=os.environ | {"XDG_STATE_HOME": str(log.parent)},
            )  # fmt: skip
        while time.monotonic() - began < 30:
            if self.process.poll() is not None:
                sys.exit(f"{self.name} ended with status {self.process.returncode}:\n{log.read_text()}")
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.request("POST", "/v1/chat/completions", UNARY, {"content-type": "application/json"})
                if connection.getresponse().status == 200:
                    return time.monotonic() - began
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.002)
        sys.exit(f"{self.name} does not answer")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()
        self.process = None

    def cpu(self) -> float:
        """Seconds of user and system time so far."""
        assert self.process
        total = 0
        for process in descendants(self.process.pid):
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def memory(self, key: str) -> float:
        """Sum of VmRSS or VmHWM in MB."""
        assert self.process
        kilobytes = 0
        for process in descendants(self.process.pid):
            for line in Path(f"/proc/{process}/status").read_text().splitlines():
                if line.startswith(key + ":"):
                    kilobytes += int(line.split()[1])
        return kilobytes / 1024

    def note(self, figure: str, value: float) -> None:
        self.figures.setdefault(figure, []).append(value)


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="nexus-bench-"))
        self.servers: "list[subprocess.Popen[bytes]]" = []
        for program in ("server", "streams"):
            subprocess.run(
                ["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", self.folder / program, HERE / f"{program}.c"],
                check=True,
            )
        (self.folder / "unary.lua").write_text(WRK_SCRIPT % UNARY)
        (self.folder / "thin").mkdir()
        header = HERE.parent / "Sources" / "PluginAPI" / "include"
        command = ["cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I", header]
        subprocess.run([*command, HERE / "abi" / "adapter.c", "-o", self.folder / "thin" / "thin.so"], check=True)

    # ---- processes

    def server(self, pieces: int, gap_ms: int) -> int:
        """Starts an LLM server; its port."""
        port = free_port()
        command = [*on_core(self.options.load_core), str(self.folder / "server"), str(port), str(pieces), str(gap_ms)]
        self.servers.append(subprocess.Popen(command))
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return port
            except ConnectionRefusedError:
                time.sleep(0.01)

    def contenders(self, upstream: int) -> list[Contender]:
        made = []
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        if nginx:
            port = free_port()
            folder = self.folder / f"nginx-{port}"
            folder.mkdir()
            text = (HERE / "nginx.conf").read_text()
            for name, value in (("FOLDER", folder), ("PORT", port), ("UPSTREAM", upstream)):
                text = text.replace(f"@{name}@", str(value))
            (folder / "nginx.conf").write_text(text)
            made.append(Contender("nginx", [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], port))
        build = Path(self.options.build)
        for name, type, adapters in (("thin", "thin", self.folder / "thin"), ("nexus", "openai", build)):
            port = free_port()
            configuration = self.folder / f"{name}-{port}.toml"
            url = f"http://127.0.0.1:{upstream}"
            configuration.write_text(f'[[backends]]\nname = "bench"\ntype = "{type}"\nurl = "{url}"\n')
            command = [str(build / "nexus"), "serve", "--config", str(configuration), "--port", str(port)]
            made.append(Contender(name, [*command, "--adapters-dir", str(adapters)], port))
        for contender in made:
            contender.command = [*on_core(self.options.core), *contender.command]
        return made

    def log(self, contender: Contender) -> Path:
        return self.folder / f"{contender.name}-{contender.port}.log"

    # ---- loads

    def wrk(self, port: int, connections: int, seconds: float) -> dict[str, float]:
        command = [*on_core(self.options.load_core), "wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "-s"]
        command += [str(self.folder / "unary.lua"), f"http://127.0.0.1:{port}/v1/chat/completions"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        result: dict[str, float] = json.loads(output[output.rindex("JSON") + 4 :])
        if result["errors"]:
            sys.exit(f"wrk: {result['errors']} errors")
        return result

    def streams(self, port: int, connections: int, seconds: float, total: int = 100_000_000) -> dict[str, float]:
        command = [*on_core(self.options.load_core), str(self.folder / "streams"), str(port), str(connections)]
        command += [str(seconds), str(total), STREAM]
        result: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        if result["badly"]:
            sys.exit(f"streams: {result['badly']} failed")
        return result

    # ---- measuring

    def memory(self) -> list[Contender]:
        """Fresh processes, one at a time: start-up, idle memory, and 1,000 streams open at once."""
        upstream = self.server(8, 500)
        contenders = self.contenders(upstream)
        for contender in contenders:
            for _ in range(3):
                contender.note("start to first answer, ms", contender.start(self.log(contender)) * 1000)
                contender.stop()
            contender.start(self.log(contender))
            time.sleep(1)
            idle = contender.memory("VmRSS")
            contender.note("idle memory, MB", idle)
            self.streams(contender.port, 1000, 60, total=1000)
            contender.note("memory per open stream, KB", (contender.memory("VmHWM") - idle) * 1024 / 1000)
            contender.stop()
        return contenders

    def rounds(self) -> list[Contender]:
        upstream, paced = self.server(64, 0), self.server(100, 10)
        fast, slow = self.contenders(upstream), self.contenders(paced)
        for contender in fast + slow:
            contender.start(self.log(contender))
            self.wrk(contender.port, 16, 1)
        for number in range(self.options.rounds):
            order = list(zip(fast, slow, strict=True))
            for contender, paced_contender in order if number % 2 == 0 else reversed(order):
                self.unary(contender)
                self.flood(contender)
                self.paced(contender, paced_contender)
            direct = self.wrk(upstream, 1, 1)["p50_us"]
            for contender in fast:
                contender.note("added latency, one connection, us", self.wrk(contender.port, 1, 1)["p50_us"] - direct)
            print(f"round {number + 1} of {self.options.rounds} is done", flush=True)
        for contender in fast + slow:
            contender.stop()
        return fast

    def unary(self, contender: Contender) -> None:
        before = contender.cpu()
        result = self.wrk(contender.port, 64, self.options.seconds)
        contender.note("unary: CPU us per request", (contender.cpu() - before) / result["requests"] * 1e6)
        contender.note("unary: requests/s", result["requests"] / result["seconds"])
        contender.note("unary: p50, us", result["p50_us"])
        contender.note("unary: p99, us", result["p99_us"])

    def flood(self, contender: Contender) -> None:
        before = contender.cpu()
        result = self.streams(contender.port, 32, self.options.seconds)
        contender.note("32 streams without pause: CPU us per event", (contender.cpu() - before) / result["events"] * 1e6)
        contender.note("32 streams without pause: events/s", result["events"] / result["seconds"])

    def paced(self, figures: Contender, contender: Contender) -> None:
        before = contender.cpu()
        result = self.streams(contender.port, 100, 3, total=200)
        figures.note("100 streams, 100 events/s each: CPU us per event", (contender.cpu() - before) / result["events"] * 1e6)

    def report(self, groups: list[list[Contender]]) -> None:
        results: dict[str, dict[str, list[float]]] = {}
        names = ("nginx", "thin", "nexus")
        rows = [("", *names, "nexus / nginx", "nexus / thin")]
        for group in groups:
            for figure in group[-1].figures:
                by_name = {contender.name: contender.figures[figure] for contender in group}
                results[figure] = by_name
                middle = [f"{statistics.median(by_name[name]):.2f}" if name in by_name else "-" for name in names]
                rows.append((figure, *middle, self.ratio(by_name, "nginx"), self.ratio(by_name, "thin")))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            print("  ".join(text.ljust(width) if not index else text.rjust(width) for index, (text, width) in enumerate(zip(row, widths, strict=True))))
        (HERE / "results.json").write_text(json.dumps(results, indent=1))

    @staticmethod
    def ratio(by_name: dict[str, list[float]], other: str) -> str:
        """Nexus by another contender: the median of the ratios of the rounds."""
        if other not in by_name or min(by_name[other]) <= 0:
            return "-"
        pairs = zip(by_name["nexus"], by_name[other], strict=True)
        return f"{statistics.median(one / two for one, two in pairs):.3f}"

    def main(self) -> None:
        try:
            self.report([self.memory(), self.rounds()])
        finally:
            for server in self.servers:
                server.kill()
            if not self.options.keep:
                shutil.rmtree(self.folder, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="length of one measurement")
    parser.add_argument("--core", default=str((os.cpu_count() or 1) - 1), help="core of the gateway")
    parser.add_argument("--load-core", default="0", help="core of load and server")
    parser.add_argument("--build", default=str(HERE.parent / ".build" / "release"), help="folder of nexus and its adapters")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs")
    Bench(parser.parse_args()).main()
