"""`nexus adapter run` and `nexus adapter check --watch`: what an author has open beside the editor."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from conftest import compile_adapter
from gateway import BUILD, LONG, TOP, until

ECHO = "echo"


class Program:
    """A command that runs until it is told to end."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.said, self.log_path = folder / "said", folder / "log"
        with self.said.open("wb") as said, self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [str(BUILD / "nexus"), "adapter", *arguments],
                cwd=folder,
                stdout=said,
                stderr=log,
                env={**os.environ, "TMPDIR": str(folder), **environment},
            )

    @property
    def text(self) -> str:
        return self.said.read_text()

    def wait_for(self, words: str) -> None:
        until(lambda: words in self.text or self.process.poll() is not None)
        assert words in self.text, self.text + self.log_path.read_text()

    def end(self) -> int:
        # Not SIGINT, which those have ignored that a shell has started in the background.
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=LONG)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    programs: list[Program] = []

    def run(*arguments: str, **environment: str) -> Program:
        programs.append(Program(tmp_path, *arguments, **environment))
        return programs[-1]

    yield run
    for program in programs:
        if program.process.poll() is None:
            program.process.kill()
            program.process.wait()


def curl(text: str) -> list[str]:
    """The command that was printed, as a shell would take it."""
    line = next(line for line in text.splitlines() if line.strip().startswith("curl "))
    return ["bash", "-c", line.replace("curl ", "curl -sf ", 1)]


# run


def test_a_gateway_with_one_adapter_prints_a_curl_that_works(run, upstream, tmp_path):
    upstream.models("it's \"m\"", "other")

    program = run("run", str(BUILD / "libOpenAICompat.so"), "--url", upstream.url)
    program.wait_for("try it:")

    answer = subprocess.run(curl(program.text), text=True, capture_output=True, timeout=LONG)
    assert answer.returncode == 0 and "hello" in answer.stdout, answer.stdout + answer.stderr
    assert upstream.request().json["model"] == "it's \"m\""
    assert program.end() == 0
    assert not list(tmp_path.glob("nexus-run-*"))


def test_options_and_keys_reach_the_adapter(run, upstream):
    upstream.on("/x/models", upstream.scripts["/v1/models"])
    upstream.on("/x/chat/completions", upstream.scripts["/v1/chat/completions"])
    arguments = ["--option", "prefix=/x", "--option", 'headers={"x-mine": "1"}', "--api-key-env", "A_KEY"]

    program = run("run", str(BUILD / "libOpenAICompat.so"), "--url", upstream.url, *arguments, A_KEY="sk-of-the-run")
    program.wait_for("try it:")
    subprocess.run(curl(program.text), check=True, capture_output=True, timeout=LONG)

    sent = next(request for request in iter(upstream.request, None) if request.path == "/x/chat/completions")
    assert sent.headers["authorization"] == "Bearer sk-of-the-run" and sent.headers["x-mine"] == "1"
    assert "sk-of-the-run" not in program.text + program.log_path.read_text()


def test_why_there_is_no_curl_is_said(run):
    program = run("run", str(BUILD / "libOpenAICompat.so"), "--url", "http://127.0.0.1:9")

    program.wait_for("A curl is printed when there are.")
    assert "no models yet: " in program.text and "refused" in program.text
    assert program.end() == 0


def test_a_file_that_is_built_again_is_taken(run, tmp_path):
    compile_adapter("echo.c", tmp_path / "mine.so")
    program = run("run", "mine.so", "--url", "http://127.0.0.1:9")
    program.wait_for("try it:")
    address = program.text.split("listening on ")[1].split()[0]
    before = httpx.get(f"{address}/v1/adapters").json()["data"][0]

    compile_adapter("echo.c", tmp_path / "new.so", "-g")
    (tmp_path / "new.so").rename(tmp_path / "mine.so")

    until(lambda: httpx.get(f"{address}/v1/adapters").json()["data"][0]["sha256"] != before["sha256"])
    assert program.end() == 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["none.so", "--url", "http://127.0.0.1:9"], 1, "none.so cannot be read: no such file or directory"),
        ([__file__, "--url", "http://127.0.0.1:9"], 1, "cannot be used: is not an ELF file"),
        ([__file__, "--url", "127.0.0.1:9"], 2, "--url: it must start with http:// or https://"),
        (["{adapter}", "--url", "http://127.0.0.1:9", "--option", "x"], 2, "--option x: write it as name=value"),
        (["{adapter}", "--url", "http://127.0.0.1:9", "--option", "prefx=/x"], 1, 'options.prefx is not known; did you mean "prefix"?'),
        (["{adapter}", "--url", "http://127.0.0.1:9", "--api-key-env", "NO_SUCH"], 2, "the environment variable NO_SUCH is not set"),
        (["{adapter}", "--url", "http://127.0.0.1:9", "--port", "70000"], 2, "--port must be from 0 to 65535"),
        (["{adapter}", "--url", "http://127.0.0.1:9", "--log-level", "loud"], 2, "--log-level must be one of trace, debug"),
    ],
)
def test_what_cannot_be_run_is_said(nexus, arguments, status, words):
    arguments = [str(BUILD / "libOpenAICompat.so") if word == "{adapter}" else word for word in arguments]

    refused = nexus("adapter", "run", *arguments)

    assert refused.returncode == status and words in refused.stderr, refused.stderr


# check


def build_broken(defect: str, output: Path) -> None:
    sources = [str(TOP / "Tests/Adapters" / name) for name in ("broken.c", "broken_exchange.c", "broken_actions.c")]
    flags = ["-std=c11", "-shared", "-fPIC", "-pthread", "-fvisibility=hidden", "-I", str(TOP / "Sources/PluginAPI/include")]
    new = output.with_name("new.so")
    subprocess.run(["cc", *flags, f"-DBREAKS={defect}", *sources, "-o", str(new)], check=True)
    shutil.move(new, output)


def test_where_checks_fail_the_script_of_the_project_is_named(nexus, tmp_path):
    (tmp_path / "build").mkdir()
    build_broken("UNKNOWN_KIND", tmp_path / "build" / "m.so")

    def check(file: str, folder: Path, *more: str) -> str:
        done = nexus("adapter", "check", file, "--only", "load.kinds", "--config", "/dev/null", *more, cwd=folder)
        assert done.returncode == 1, done.stdout + done.stderr
        return done.stdout.splitlines()[-1]

    assert "check.json" not in check("build/m.so", tmp_path)
    (tmp_path / "check.json").write_text((TOP / "templates/adapter/c-custom/check.json").read_text())

    words = "tells the check what the server says."
    command = "nexus adapter check build/m.so --script check.json"
    assert check("build/m.so", tmp_path) == f"There is a check.json here: '{command}' {words}"
    assert "nexus adapter check m.so --script ../check.json" in check("m.so", tmp_path / "build")
    assert f"--script {tmp_path}/check.json' {words}" in check(str(tmp_path / "build/m.so"), Path("/"))
    assert words not in check("build/m.so", tmp_path, "--script", "check.json")


# check --watch


def test_a_watched_file_is_checked_again_when_it_was_built(run, tmp_path):
    build_broken("UNKNOWN_KIND", tmp_path / "mine.so")
    program = run("check", "--watch", "--only", "load.kinds", "mine.so")
    program.wait_for("waiting for mine.so to change")
    assert "0 passed, 1 failed" in program.text

    build_broken("NOTHING", tmp_path / "mine.so")

    program.wait_for("1 passed, 0 failed")
    program.end()


def test_a_watch_gives_no_document(nexus):
    refused = nexus("adapter", "check", "--watch", "--json", str(BUILD / "libOllama.so"))

    assert refused.returncode == 2 and "choose one of them" in refused.stderr
