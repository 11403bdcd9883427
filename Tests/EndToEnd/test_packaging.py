"""What is packed, and how: units, manual pages, completions, archive, image."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import httpx
import pytest

from gateway import BUILD, LONG, backend
from packages import PLAIN, TOP, VERSION, make

UNITS = TOP / "contrib/systemd"
analyze = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze (package systemd) is not installed")


# The version.


def test_one_place_states_the_version(nexus):
    assert subprocess.run([TOP / "scripts/version.sh"], capture_output=True, text=True).stdout.strip() == VERSION
    assert nexus("--version").stdout.strip() == VERSION
    listed = nexus("adapters", "list", "--adapters-dir", str(BUILD)).stdout
    assert len(re.findall(rf"\b{re.escape(VERSION)}\b", listed)) == 2, listed


def test_nothing_else_states_it():
    # The change log tells what came with which version; that of the ABI and of other products are their own.
    stated = subprocess.run(
        ["git", "grep", "--untracked", "-lF", VERSION, "--", "*.swift", "*.sh", "*.py", "*.toml", "Makefile", "Dockerfile", "contrib"],
        cwd=TOP, capture_output=True, text=True,
    ).stdout.split()
    own = [path for path in stated if not path.startswith(("Tests/", "benchmarks/", "examples/", "templates/"))]
    assert own == ["Sources/Product/Product.swift"]


# The units.


@pytest.fixture
def units(tmp_path) -> Path:
    """The units, with programs that are there."""
    folder = tmp_path / "units"
    folder.mkdir()
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("ExecStart=/usr/bin/nexus", f"ExecStart={BUILD / 'nexus'}")
        (folder / unit.name).write_text(text)
    return folder


@analyze
def test_systemd_understands_the_units(units):
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", units / "nexus.service", units / "nexus.socket"],
        text=True, capture_output=True,
    )
    said = [line for line in checked.stderr.splitlines() if "nexus" in line]
    assert checked.returncode == 0 and not said, checked.stderr


@analyze
def test_the_service_is_exposed_to_little(units):
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", units / "nexus.service"],
        text=True, capture_output=True,
    )
    if "unrecognized option" in rated.stderr or "Unknown option" in rated.stderr:
        pytest.skip("this systemd-analyze cannot rate files")
    assert rated.returncode == 0, rated.stdout + rated.stderr


def settings(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (UNITS / unit).read_text().splitlines():
        if re.match(r"\w+=", line):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def test_the_unit_starts_what_the_program_has(nexus):
    service = settings("nexus.service")
    command = service["ExecStart"][0].split()
    help_text = nexus(command[1], "--help").stdout
    assert command[0] == "/usr/bin/nexus"
    for option in command[2:]:
        assert not option.startswith("--") or option in help_text
    assert service["Type"] == ["notify"] and int(service["WatchdogSec"][0]) > 0
    # The state directory of the unit is where the service may write, and its state is there.
    assert service["StateDirectory"] == ["nexus"]
    assert all("/var/lib/nexus/" in each for each in service["Environment"])
    assert settings("nexus.socket")["ListenStream"] == ["127.0.0.1:8000"]


REFUSE = """
import ctypes, os, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0: sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_memory_need_not_be_writable_and_executable(start, upstream):
    """MemoryDenyWriteExecute= of the unit: what adapters report comes through functions that are made at runtime."""
    if subprocess.run([sys.executable, "-c", REFUSE, "/bin/true"]).returncode == 77:
        pytest.skip("this kernel does not refuse such memory (Linux 6.3 does)")
    gateway = start(backend("a", upstream.url), wrapper=(sys.executable, "-c", REFUSE))
    gateway.wait_for_backend("a")
    assert gateway.chat().status_code == 200


# Manual pages and completions.


@pytest.fixture(scope="module")
def share(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("share")
    subprocess.run([TOP / "scripts/extras.sh", BUILD / "nexus", folder], check=True)
    return folder


def described(command: dict, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], dict]:
    path = (*path, command["commandName"])
    found = {path: command}
    for each in command.get("subcommands", []):
        if each["commandName"] != "help" and each.get("shouldDisplay", True):
            found |= described(each, path)
    return found


def test_every_command_has_a_page_that_tells_of_all_its_options(share, nexus):
    commands = described(json.loads(nexus("--experimental-dump-help").stdout)["command"])
    pages = {path.name for path in (share / "man/man1").iterdir()}
    assert pages == {"-".join(path) + ".1.gz" for path in commands}
    for path, command in commands.items():
        page = gzip.decompress((share / f"man/man1/{'-'.join(path)}.1.gz").read_bytes()).decode().replace("\\-", "-")
        assert page.count("\n.SH NAME\n") == 1
        for argument in command.get("arguments", []):
            for name in argument.get("names", []) if argument.get("shouldDisplay", True) else []:
                assert f"{'--' if name['kind'] == 'long' else '-'}{name['name']}" in page, (path, name)


def test_the_pages_say_where_the_documentation_is(share):
    def page(name: str) -> str:
        return gzip.decompress((share / f"man/man1/{name}.1.gz").read_bytes()).decode().replace("\\-", "-")

    assert "PREFIX/share/doc/nexus" in page("nexus") and "PREFIX/lib/nexus/adapters" in page("nexus")
    for path in (share / "man/man1").iterdir():
        text = page(path.name.removesuffix(".1.gz"))
        assert "docs/" not in text or "PREFIX/share/doc/nexus" in text, path.name


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_the_pages_are_right(share):
    for page in sorted((share / "man/man1").iterdir()):
        said = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww", "-z"], input=gzip.decompress(page.read_bytes()), capture_output=True
        )
        assert said.returncode == 0 and not said.stderr, f"{page.name}: {said.stderr.decode()}"


def test_the_shells_understand_the_completions(share):
    for shell, script in [
        ("bash", "bash-completion/completions/nexus"),
        ("zsh", "zsh/site-functions/_nexus"),
        ("fish", "fish/vendor_completions.d/nexus.fish"),
    ]:
        assert "serve" in (share / script).read_text()
        if shutil.which(shell):
            subprocess.run([shell, "-n", share / script], check=True)


# The archive.


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("some folder")
    archive = make("tarball.sh", tmp_path_factory.mktemp("dist"))
    assert archive.name == f"nexus-{VERSION}-linux-{os.uname().machine}.tar.gz"
    with tarfile.open(archive) as tar:
        assert all(member.uid == 0 and not member.name.startswith("/") for member in tar)
        tar.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    return top


def test_the_archive_runs_from_any_folder(unpacked, tmp_path):
    assert " " in str(unpacked)
    process = subprocess.Popen(
        [unpacked / "bin/nexus", "serve", "--port", "0"],
        cwd=tmp_path, env={**PLAIN, "STATE_DIRECTORY": str(tmp_path / "state")}, stdout=subprocess.PIPE, text=True,
    )
    try:
        assert process.stdout
        url = process.stdout.readline().split()[-1]
        adapters = httpx.get(url + "/v1/adapters", timeout=LONG).json()
        health = httpx.get(url + "/health", timeout=LONG).json()
    finally:
        process.terminate()
        assert process.wait(LONG) == 0

    assert health["version"] == VERSION
    paths = [each["path"] for each in adapters["data"]]
    assert len(paths) == 2 and all(path.startswith(f"{unpacked}/lib/nexus/adapters/") for path in paths)


def test_the_archive_brings_what_a_machine_may_not_have(unpacked):
    linked = subprocess.run(["ldd", unpacked / "bin/nexus"], env=PLAIN, text=True, capture_output=True).stdout
    found = {line.split(" => ")[0].strip(): line.split(" => ")[1] for line in linked.splitlines() if " => " in line}
    assert "not found" not in linked
    own = {name for name, path in found.items() if str(unpacked) in os.path.realpath(path.rsplit(" (", 1)[0])}
    foreign = set(found) - own
    # What every system with this C library has.
    assert foreign <= {"libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "libc.so.6", "libpthread.so.0", "libdl.so.2"}, foreign


# The image. There is no engine for it here: what it names is looked at.


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", (TOP / "Dockerfile").read_text(), flags=re.M)
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def test_the_image_is_built_by_the_commands_that_are_here():
    steps = instructions()
    targets = re.findall(r"^([a-z-]+):.*##", (TOP / "Makefile").read_text(), flags=re.M)
    made = re.findall(r"make (\S+)", " ".join(rest for word, rest in steps if word == "RUN"))
    assert made == ["deb"] and set(made) <= set(targets)
    # What the first stage leaves is what the second one takes.
    (copied,) = [rest for word, rest in steps if word == "COPY" and "--from=build" in rest]
    assert copied == "--from=build /src/dist/nexus_*.deb /tmp/"
    assert 'package=$out/nexus_${version}_$architecture.deb' in (TOP / "scripts/deb.sh").read_text()
    # Nothing that the build reads is kept from it.
    ignored = [line for line in (TOP / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert not {"Sources", "Plugins", "dashboard", "docs", "contrib", "scripts", "templates"} & set(ignored)


def test_the_image_runs_commands_and_variables_that_the_program_knows(nexus):
    steps = instructions()
    for word, rest in steps:
        command = json.loads(rest[rest.index("[") :]) if word in ("CMD", "HEALTHCHECK") else []
        if command:
            assert command[0] == "nexus" and nexus(command[1], "--help").returncode == 0
    (variables,) = [dict(pair.split("=", 1) for pair in rest.split()) for word, rest in steps if word == "ENV"]
    told = nexus("serve", "--help").stdout
    for name in variables:
        assert name == "STATE_DIRECTORY" or name in told
    assert [rest for word, rest in steps if word == "USER"] == ["nexus"]
    # What it writes and is told lives in volumes, and its port is the default.
    (volumes,) = [json.loads(rest) for word, rest in steps if word == "VOLUME"]
    assert set(volumes) == {"/etc/nexus", "/var/lib/nexus"}
    assert ("EXPOSE", "8000") in steps


def test_the_image_does_not_start_open_to_everybody_by_itself(nexus, tmp_path):
    (variables,) = [dict(pair.split("=", 1) for pair in rest.split()) for word, rest in instructions() if word == "ENV"]
    started = nexus("serve", "--port", "0", cwd=tmp_path, NEXUS_HOST=variables["NEXUS_HOST"])
    assert started.returncode == 1 and "without keys" in started.stderr
    assert "NEXUS_ALLOW_UNAUTHENTICATED" not in variables


# The page that tells of all this.


def test_the_page_names_commands_and_places_that_are_there(nexus):
    page = (TOP / "docs/service.md").read_text()
    lines = "\n".join(line.strip().split("#")[0] for line in page.splitlines() if line.startswith("    "))
    commands = set(re.findall(r"(?:^|&& |bin/)nexus ([a-z]+)", lines, flags=re.M))
    assert commands > {"keys", "config"} and all(nexus(each, "--help").returncode == 0 for each in commands)
    targets = set(re.findall(r"^make ([a-z]+)", lines, flags=re.M))
    assert targets == {"deb", "tarball"}
    assert targets <= set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text(), flags=re.M))
    for unit in re.findall(r"systemctl \S+ (?:--now )?(nexus[a-z.]*)", lines):
        assert (UNITS / (unit if "." in unit else f"{unit}.service")).is_file(), unit
    # What is said of the unit stands in it.
    unit = (UNITS / "nexus.service").read_text()
    foreign = {"Accept=yes"}
    for setting in re.findall(r"`([A-Z]\w*[a-z]\w*=\w+)`", page):
        assert setting in foreign or f"\n{setting}\n" in unit, setting
