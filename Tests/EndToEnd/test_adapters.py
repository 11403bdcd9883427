"""Adapters as files: those that can be used, and those that cannot."""

import json
import shutil
from pathlib import Path

import pytest

from conftest import compile_adapter
from gateway import BUILD, backend


@pytest.fixture
def folder(tmp_path: Path, c_adapters: Path) -> Path:
    """The usable C adapter among files that are none."""
    folder = tmp_path / "adapters"
    folder.mkdir()
    shutil.copy(c_adapters / "echo.so", folder)
    (folder / "text.so").write_text("not an ELF file")
    compile_adapter("faulty.c", folder / "refuses.so", "-DFAULT=5")
    compile_adapter("faulty.c", folder / "other.so", "-DFAULT=1")
    return folder


REASONS = {
    "text.so": "is not an ELF file",
    "refuses.so": "refused to start: no licence was found",
    "other.so": "states ABI version 2.3; this nexus speaks major version 1",
}


def test_bad_files_are_named_with_their_reasons_and_the_others_serve(start, folder):
    gateway = start(backend("echo", "http://127.0.0.1:9", type="echo"), adapters=(folder,))
    gateway.wait_for_backend("echo")

    answer = gateway.chat("echo")

    assert answer.json()["request"]["model"] == "echo" and answer.json()["backend"] == "echo"
    for name, reason in REASONS.items():
        gateway.wait_for_log(f"{folder}/{name} {reason}")
    listed = {Path(item["path"]).name: item for item in gateway.json("/v1/adapters")["data"]}
    assert listed["echo.so"]["type"] == "echo" and listed["echo.so"]["abi"] == "1.3"
    assert {name: listed[name]["problem"] for name in REASONS} == REASONS


def test_the_command_line_lists_them_all(nexus, folder):
    text = nexus("adapters", "list", "--adapters-dir", str(folder))
    as_json = nexus("adapters", "list", "--adapters-dir", str(folder), "--json")

    assert text.returncode == 1 and "Echo" in text.stdout
    assert all(reason in text.stdout for reason in REASONS.values())
    assert {Path(item["path"]).name for item in json.loads(as_json.stdout)} == {"echo.so", *REASONS}


def test_both_adapters_lie_beside_the_executable(nexus, tmp_path):
    listed = nexus("adapters", "list", "--json", "--adapters-dir", str(BUILD), cwd=tmp_path)

    assert listed.returncode == 0
    assert {item["type"] for item in json.loads(listed.stdout)} == {"openai", "ollama"}


def test_a_backend_whose_adapter_refuses_it_is_shown_with_the_adapters_words(start, folder):
    gateway = start(
        backend("refused", "http://127.0.0.1:9", type="echo") + backend("fine", "http://127.0.0.1:9", type="echo"),
        adapters=(folder,),
    )

    view = gateway.wait_for_backend("refused", "Unhealthy")
    gateway.wait_for_backend("fine")

    assert view["last_error"] == 'the name "refused" is refused by this adapter'
    assert gateway.chat("echo").json()["backend"] == "fine"


def test_a_type_that_no_adapter_has_is_named(start):
    gateway = start(backend("one", "http://127.0.0.1:9", type="olama"))

    view = gateway.wait_for_backend("one", "Unhealthy")

    assert view["last_error"] == 'no adapter of type "olama" is loaded; did you mean "ollama"? there are: ollama, openai'


@pytest.mark.parametrize(
    ("options", "reason"),
    [('{ greeting = 5 }', "options.greeting must be of type string"), ("{ greting = 'x' }", "options.greting is not known")],
)
def test_options_are_checked_against_the_adapters_schema(start, folder, options, reason):
    gateway = start(backend("one", "http://127.0.0.1:9", type="echo") + f"options = {options}\n", adapters=(folder,))

    assert reason in gateway.wait_for_backend("one", "Unhealthy")["last_error"]


def test_a_stream_of_a_c_adapter_reaches_the_client(start, folder):
    gateway = start(backend("echo", "http://127.0.0.1:9", type="echo"), adapters=(folder,))
    gateway.wait_for_backend("echo")

    answer = gateway.chat("echo", stream=True)

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.text.count("data: ") == 3 and answer.text.endswith("data: [DONE]\n\n")
    entry = gateway.history()[-1]
    assert (entry["prompt_tokens"], entry["completion_tokens"]) == (3, 5)
    assert "cached_tokens" not in entry or entry["cached_tokens"] is None


def test_an_adapter_that_fails_late_ends_the_stream_with_one_error(start, folder):
    gateway = start(backend("echo", "http://127.0.0.1:9", type="echo"), adapters=(folder,))
    gateway.wait_for_backend("echo")

    text = gateway.chat("fail-late", stream=True).text

    assert text.count("data: ") == 2 and '"error"' in text and "[DONE]" not in text


def test_misuse_of_the_abi_does_not_harm_the_gateway(start, folder):
    gateway = start(backend("echo", "http://127.0.0.1:9", type="echo"), adapters=(folder,))
    gateway.wait_for_backend("echo")

    statuses = gateway.chat("misuse").json()

    assert statuses["other_thread"] == -3 and statuses["forged_handle"] == -2
    assert "was not answered with NEXUS_STALE" not in gateway.log
    assert gateway.chat("echo").status_code == 200
    assert gateway.json("/v1/stats")["backends"][0]["pending"] == 0


def test_an_adapter_that_never_answers_is_given_up(start, folder):
    gateway = start(
        "[server]\nrequest_timeout_seconds = 1\n" + backend("echo", "http://127.0.0.1:9", type="echo"), adapters=(folder,)
    )
    gateway.wait_for_backend("echo")

    assert gateway.chat("silent").status_code == 504


def test_overwriting_a_loaded_file_harms_nobody(start, folder):
    gateway = start(backend("echo", "http://127.0.0.1:9", type="echo"), adapters=(folder,))
    gateway.wait_for_backend("echo")
    size = (folder / "echo.so").stat().st_size
    with (folder / "echo.so").open("r+b") as file:
        file.write(b"\xcc" * size)

    assert gateway.chat("echo").status_code == 200


@pytest.mark.parametrize("name", ["libOllama.so", "libOpenAICompat.so"])
def test_the_shipped_adapters_pass_the_conformance_checks(nexus, name):
    checked = nexus("adapter", "check", str(BUILD / name), "--json")

    summary = json.loads(checked.stdout)["summary"]
    assert checked.returncode == 0 and summary["failed"] == 0 and summary["passed"] >= 80
