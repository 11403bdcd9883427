"""Which files are loaded as adapters: those that the operator lists, and none that crashed again and again."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import compile_adapter
from gateway import BUILD, LONG, Gateway, backend, until

RARE = "[health_check]\ninterval_seconds = 3600\ntimeout_seconds = 1\nfailure_threshold = 1\n"
ECHO = backend("e", "http://127.0.0.1:9", type="echo")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def allow(*lines: str) -> str:
    return "[adapters.allow]\n" + "\n".join(lines) + "\n"


def adapters(gateway: Gateway) -> dict[str, dict[str, Any]]:
    return {Path(item["path"]).name: item for item in gateway.json("/v1/adapters")["data"]}


def troubles(gateway: Gateway, kind: str) -> list[dict[str, Any]]:
    return [item for item in gateway.json("/v1/trouble")["data"] if item["kind"] == kind]


@pytest.fixture
def folder(tmp_path: Path, c_adapters: Path) -> Path:
    folder = tmp_path / "adapters"
    folder.mkdir()
    shutil.copy(c_adapters / "echo.so", folder)
    return folder


def put(content: bytes, target: Path) -> None:
    """As an installer does: complete under another name, then renamed."""
    new = target.with_suffix(".new")
    new.write_bytes(content)
    new.rename(target)


# The list


def test_the_printed_lines_are_what_the_list_takes(nexus, folder, start):
    (folder / 'odd "one".so').write_bytes(b"no ELF")
    printed = nexus("adapter", "hash", *(str(path) for path in sorted(folder.iterdir())), str(folder / "none.so"))

    assert printed.returncode == 1 and "none.so cannot be read" in printed.stderr
    lines = printed.stdout.splitlines()
    assert f'"echo.so" = "{sha256(folder / "echo.so")}"' in lines and len(lines) == 2
    gateway = start(RARE + allow(*lines) + ECHO, adapters=(folder,))
    gateway.wait_for_backend("e")
    assert adapters(gateway)["echo.so"]["sha256"] == sha256(folder / "echo.so")
    assert adapters(gateway)['odd "one".so']["problem"] == "is not an ELF file", "it is listed, and no adapter"
    effective = gateway.json("/v1/gateway")["configuration"]["effective"]["adapters"]
    assert effective["allow"]["echo.so"] == [sha256(folder / "echo.so")] and effective["quarantine_after"] == 3


def test_what_is_not_listed_is_neither_loaded_nor_dropped_in(nexus, folder, start):
    echo = (folder / "echo.so").read_bytes()
    other = folder.parent / "other.so"
    compile_adapter("faulty.c", other, "-DFAULT=5")
    gateway = start(RARE + allow(f'"echo.so" = "{sha256(folder / "echo.so")}"') + ECHO, adapters=(folder,))
    gateway.wait_for_backend("e")
    configuration = gateway.log_path.parent / "nexus.toml"

    put(other.read_bytes(), folder / "other.so")
    put(echo + b"\0", folder / "echo.so")
    until(lambda: {item["severity"] for item in troubles(gateway, "adapter_refused")} == {"notice", "warning"})

    found = adapters(gateway)
    assert found["other.so"]["refused_by"] == "allow" and "refused to start" not in gateway.log, "its entry never ran"
    assert f"nexus adapter hash {folder / 'other.so'}" in found["other.so"]["problem"]
    refused = [item for item in gateway.json("/v1/adapters")["data"] if item.get("refused_by") and "echo.so" in item["path"]]
    assert sha256(folder / "echo.so") in refused[0]["problem"] and refused[0]["keeps_older"]
    assert gateway.chat("echo").status_code == 200, "the version before goes on"
    gateway.wait_for_log("echo.so is not what [adapters.allow] lists")

    where = ("--config", str(configuration), "--adapters-dir", str(folder))
    listed = nexus("adapters", "list", *where)
    assert listed.returncode == 1 and "is not in the list [adapters.allow]" in listed.stdout and "Echo" not in listed.stdout
    checked = nexus("config", "check", *where[:2], NEXUS_ADAPTERS_DIR=str(folder))
    assert checked.returncode == 1 and "adapters.allow: 0 files as listed" in checked.stdout
    assert 'no adapter of type "echo" is loaded' in checked.stderr
    assert "other.so is not in the list" in checked.stdout and "echo.so is not what" in checked.stdout
    tried = nexus("adapter", "check", str(folder / "echo.so"), *where[:2], "--only", "load.elf")
    assert tried.returncode == 2 and "nexus adapter hash" in tried.stderr and tried.stdout == ""
    anyway = nexus("adapter", "check", str(folder / "echo.so"), "--config", "/dev/null", "--only", "load.elf")
    assert anyway.returncode == 0 and sha256(folder / "echo.so") in anyway.stdout

    configuration.write_text(RARE + allow(f'"echo.so" = "{sha256(folder / "echo.so")}"') + ECHO)
    assert gateway.http.post("/v1/admin/reload").status_code == 200
    assert "problem" not in adapters(gateway)["echo.so"]
    gateway.wait_for_backend("e")
    configuration.write_text(RARE + allow() + ECHO)
    assert gateway.http.post("/v1/admin/reload").status_code == 200
    assert adapters(gateway)["echo.so"]["refused_by"] == "allow"
    gateway.wait_for_backend("e", "Unhealthy")


# Quarantine


@pytest.fixture
def crashing(tmp_path: Path) -> Path:
    folder = tmp_path / "crashing"
    folder.mkdir()
    compile_adapter("hostile.c", folder / "hostile.so")
    return folder


@pytest.fixture
def again(start, tmp_path: Path, crashing: Path, upstream) -> Callable[..., Gateway]:
    """Starts a gateway of a good and a bad adapter with the state of those before."""
    upstream.models("good")

    def again(expect_status: int = 0, adapters: tuple[Path, ...] = (BUILD, crashing)) -> Gateway:
        gateway: Gateway = start(
            RARE
            + "[adapters]\nquarantine_after = 2\n"
            + backend("good", upstream.url)
            + backend("bad", upstream.url, type="hostile"),
            adapters=adapters,
            environment={"XDG_STATE_HOME": str(tmp_path / "state")},
            expect_status=expect_status,
        )
        gateway.wait_for_backend("good")
        return gateway

    return again


def crash(gateway: Gateway, model: str) -> None:
    gateway.wait_for_backend("bad")
    with pytest.raises(Exception, match="."):
        gateway.chat(model)
    gateway.process.wait(LONG)


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "state" / "nexus" / "adapters").glob("*.json"))


def test_an_adapter_that_crashes_in_a_row_is_left_out_until_it_is_taken_back(again, nexus, tmp_path, crashing):
    crash(again(-11), "crash")
    calm = again()
    calm.wait_for_backend("bad")
    assert [path.stem for path in kept(tmp_path)] == [sha256(crashing / "hostile.so")]
    assert kept(tmp_path)[0].stat().st_mode & 0o777 == 0o600
    calm.finish()
    assert kept(tmp_path) == [], "an orderly end begins anew"

    crash(again(-11), "crash")
    crash(again(3), "exit")
    gateway = again()

    file = crashing / "hostile.so"
    found = adapters(gateway)["hostile.so"]
    assert found["refused_by"] == "quarantine" and "2 runs in a row ended by a crash in it" in found["problem"]
    assert "with exit()" in found["problem"] and f"nexus adapter release {file}" in found["problem"]
    gateway.wait_for_log(f"adapter not loaded: {file} is in quarantine")
    assert gateway.chat("good").status_code == 200
    trouble = troubles(gateway, "adapter_quarantined")[0]
    assert trouble["severity"] == "warning" and trouble["what"] == f"The adapter {file} is left out"
    assert "hostile.so is left out" in gateway.get("/?parts=trouble").text
    configuration = str(gateway.log_path.parent / "nexus.toml")
    where = ("--config", configuration, "--adapters-dir", str(crashing))
    listed = nexus("adapters", "list", *where, XDG_STATE_HOME=str(tmp_path / "state"))
    assert listed.returncode == 1 and "is in quarantine" in listed.stdout

    unknown = nexus("adapter", "release", "nobody.so", "--url", gateway.url)
    assert unknown.returncode == 1 and "No adapter called" in unknown.stderr
    assert gateway.http.post("/v1/adapters/release").status_code == 400
    released = nexus("adapter", "release", str(file), "--url", gateway.url)
    assert released.returncode == 0 and "in use: hostile" in released.stdout, released.stderr
    gateway.wait_for_backend("bad")
    assert kept(tmp_path) == [] and troubles(gateway, "adapter_quarantined") == []
    commands = [item["command"] for item in gateway.json("/v1/audit")["data"]]
    assert any(command.startswith("POST /v1/adapters/release") for command in commands)


def test_one_that_crashes_while_it_is_loaded_does_not_keep_the_gateway_from_starting(again, nexus, tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    source = tmp_path / "broken.c"
    source.write_text(
        "#include <nexus_plugin.h>\n#include <stdlib.h>\n"
        "__attribute__((constructor)) static void load(void) { abort(); }\n"
        "const nexus_adapter *nexus_adapter_v1(const nexus_host *host, nexus_message *error) {\n"
        "  (void)host, (void)error;\n  return NULL;\n}\n"
    )
    compile_adapter(str(source), folder / "broken.so")
    for number in range(2):
        (tmp_path / f"failed{number}").mkdir()
        with pytest.raises(AssertionError, match="it did not start"):
            Gateway(
                tmp_path / f"failed{number}", "", adapters=(folder,), environment={"XDG_STATE_HOME": str(tmp_path / "state")}
            )
    gateway = again(adapters=(BUILD, folder))

    assert "with SIGABRT while it was loaded" in adapters(gateway)["broken.so"]["problem"]
    assert gateway.chat("good").status_code == 200
    # A file that was replaced begins anew.
    compile_adapter("echo.c", folder / "new")
    (folder / "new").rename(folder / "broken.so")
    until(lambda: adapters(gateway)["broken.so"].get("type") == "echo")


def test_a_record_that_cannot_be_read_is_no_permission(again, nexus, tmp_path, crashing):
    state = tmp_path / "state" / "nexus" / "adapters"
    state.mkdir(parents=True)
    (state / f"{sha256(crashing / 'hostile.so')}.json").write_text("{")
    gateway = again()

    assert "what is kept of its crashes cannot be read" in adapters(gateway)["hostile.so"]["problem"]
    assert gateway.chat("good").status_code == 200
    gateway.finish()
    assert len(kept(tmp_path)) == 1
    environment = {"XDG_STATE_HOME": str(tmp_path / "state")}
    empty = tmp_path / "elsewhere"
    empty.mkdir()
    released = nexus("adapter", "release", str(crashing / "hostile.so"), cwd=empty, NEXUS_PORT="1", **environment)
    assert released.returncode == 0 and "Taken back" in released.stdout, released.stderr
    assert kept(tmp_path) == []


def test_without_a_place_for_the_state_everything_is_served(start, upstream, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    gateway = start(RARE + backend("one", upstream.url), environment={"XDG_STATE_HOME": str(blocked)})
    gateway.wait_for_backend("one")

    gateway.wait_for_log("crashes of adapters: ")
    assert json.loads(gateway.get("/v1/adapters").text)["data"]
