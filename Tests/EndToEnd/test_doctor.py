"""What is wrong is named before the gateway starts, each with what to do; and every command ends with a status that means the same."""

import json
import re
import socket
import stat
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from gateway import BUILD, backend, free_port


INTERNAL = re.compile(r"failedTo[A-Z]|SocketAddressError|UnknownHost|notELF|NIO[A-Z]|BoringSSL|IOError|Optional\(|Error:|\b[a-z]+[A-Z]\w*\(")
"""How errors are called in the program, which no person is to see."""


def findings(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    assert not INTERNAL.search(done.stdout), INTERNAL.search(done.stdout)
    told: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return told


def wrong(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    return [each for each in findings(done) if each["weight"] == "wrong"]


@pytest.fixture
def examine(nexus, tmp_path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs the doctor over a configuration, on a port that is free."""

    def run(configuration: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "nexus.toml").write_text(configuration)
        port = [] if "port =" in configuration.split("[[")[0] else ["--port", str(free_port())]
        state = {"XDG_STATE_HOME": str(tmp_path / "state")}
        done = nexus("doctor", "--json", *port, *arguments, cwd=tmp_path, **{**state, **environment})
        assert done.stderr == "", done.stderr
        return done

    return run


def test_where_nothing_is_wrong_it_says_so(examine, nexus, tmp_path, upstream):
    done = examine(backend("box", upstream.url))

    assert done.returncode == 0 and wrong(done) == []
    subjects = {each["subject"]: each["message"] for each in findings(done)}
    assert "nexus.toml was read" in subjects["configuration"] and "1 model" in subjects["backend box"]
    assert "is free" in subjects["server.port"] and "openai" in subjects["adapters"]
    people = nexus("doctor", "--port", "0", cwd=tmp_path, XDG_STATE_HOME=str(tmp_path))
    assert people.returncode == 0 and people.stdout.endswith("Nothing is wrong.\n") and "ok     backend box" in people.stdout


SET_UPS: dict[str, tuple[str, str, str]] = {
    # what is broken: (the configuration, the subject, words of the message)
    "an adapter that is not there": ('[[backends]]\nname = "box"\ntype = "opnai"\nurl = "URL"\n', "backend box", 'did you mean "openai"?'),
    "a variable that is not set": (
        '[[backends]]\nname = "box"\ntype = "openai"\nurl = "URL"\napi_key_env = "NO_SUCH_KEY"\n', "backend box", "NO_SUCH_KEY"),
    "a misspelt option": (
        '[[backends]]\nname = "box"\ntype = "openai"\nurl = "URL"\noptions = { prefx = "/v1" }\n', "backend box", 'did you mean "prefix"?'),
    "a missing certificate": (
        '[server]\ntls_certificate = "none.pem"\ntls_key = "key.pem"\n', "server.tls_certificate", "none.pem cannot be read"),
    "a key that is none": (
        '[server]\ntls_certificate = "cert.pem"\ntls_key = "cert.pem"\n', "server.tls_key", "does not hold a private key"),
    "a key of another certificate": (
        '[server]\ntls_certificate = "cert.pem"\ntls_key = "other.pem"\n', "server.tls_certificate", "is not the key of the certificate"),
    "missing authorities": ('[upstream]\nca_file = "none.pem"\n', "nexus.toml", "upstream.ca_file"),
    "an alias whose model is missing": (
        '[[backends]]\nname = "box"\ntype = "openai"\nurl = "URL"\n[routing.aliases]\nfast = "lama"\n', "routing.aliases.fast", '"lama"'),
    "a directory of adapters that is not there": ('[adapters]\ndirectories = ["nowhere"]\n', "adapters.directories", "nowhere is not there"),
    "a server that is not there": (
        '[[backends]]\nname = "box"\ntype = "openai"\nurl = "http://127.0.0.1:1"\n', "backend box", "nothing listens there"),
    "a host that has no address": (
        '[[backends]]\nname = "box"\ntype = "openai"\nurl = "http://no-such-host.invalid"\n', "backend box", "could not be resolved"),
    "an address that is not of this machine": ('[server]\nhost = "192.0.2.1"\nallow_unauthenticated = true\n', "server.host", "no address of this machine"),
    "a network without keys": ('[server]\nhost = "0.0.0.0"\n', "server.host", "without keys"),
    "a history that cannot be kept": ('[history]\ndatabase = "cert.pem/history.db"\n', "history.database", "is no directory"),
    "a key that does not exist": ("[server]\nprot = 1\n", "nexus.toml", 'did you mean "port"?'),
    "what is no TOML": ("[server\n", "nexus.toml", "line 1"),
}


@pytest.mark.parametrize("name", SET_UPS)
def test_what_is_wrong_is_named_with_what_to_do(examine, nexus, tmp_path, upstream, name):
    configuration, subject, words = SET_UPS[name]
    for pair in ("a", "b"):
        made = nexus("cert", "self-signed", "--out", str(tmp_path / pair))
        assert made.returncode == 0, made.stderr
    (tmp_path / "cert.pem").write_bytes(next((tmp_path / "a").glob("*cert*.pem")).read_bytes())
    (tmp_path / "other.pem").write_bytes(next((tmp_path / "b").glob("*key*.pem")).read_bytes())

    done = examine(configuration.replace("URL", upstream.url))

    assert done.returncode == 1
    found = [each for each in wrong(done) if each["subject"] == subject and words in each["message"]]
    assert len(found) == 1, wrong(done)
    assert found[0]["advice"]


def test_a_server_of_another_type_is_recognised(examine, upstream):
    [found] = wrong(examine(backend("box", upstream.url, "ollama")))

    assert found["subject"] == "backend box" and "404" in found["message"] and 'write type = "openai"' in found["advice"]


def test_a_fallback_for_a_model_that_is_away_is_no_fault(examine, upstream):
    done = examine(backend("box", upstream.url) + '[routing.fallbacks]\naway = ["m"]\n')

    assert done.returncode == 0 and wrong(done) == []
    assert any(each["subject"] == "routing.fallbacks.away" and each["weight"] == "note" for each in findings(done))


def test_everything_that_is_wrong_is_named_at_once(examine):
    done = examine(
        '[adapters]\ndirectories = ["nowhere", "BUILD"]\n'.replace("BUILD", str(BUILD))
        + backend("one", "http://127.0.0.1:1", api_key_env=["KEY_A", "KEY_B"]) + backend("two", "http://127.0.0.1:1", "none-such"))

    assert [each["subject"] for each in wrong(done)] == ["adapters.directories", "backend one", "backend one", "backend two"]


def test_a_port_in_use_is_told_and_by_whom(examine, start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = examine(f"[server]\nport = {port}\n")
    assert [(each["subject"], each["message"]) for each in wrong(done)] == [("server.port", f"127.0.0.1:{port} is in use")]

    gateway = start("")
    done = examine(f"[server]\nport = {gateway.port}\n")
    assert done.returncode == 0 and any("runs there already" in each["message"] for each in findings(done))


def test_a_path_with_or_without_v1_is_found_out(examine, upstream):
    models = {"object": "list", "data": [{"id": "m"}]}
    upstream.on("/openai/v1/models", lambda exchange: exchange.answer(models))
    done = examine(backend("box", upstream.url + "/openai/v2"))

    found = wrong(done)
    assert len(found) == 1 and "404" in found[0]["message"]
    # Its model list is found below the path that was meant.
    address = re.search(r'write url = "([^"]+)"', found[0]["advice"])
    assert address and examine(backend("box", address[1])).returncode == 0


def test_rights_that_are_too_wide_are_told(examine, tmp_path):
    folder = tmp_path / "adapters"
    folder.mkdir()
    folder.chmod(0o777)
    done = examine(f'[adapters]\ndirectories = ["{folder}", "{BUILD}"]\n')
    assert wrong(done)[0]["advice"] == f"chmod o-w {folder}"

    (tmp_path / "nexus.toml").chmod(0o666)
    again = examine("")
    assert stat.S_IMODE((tmp_path / "nexus.toml").stat().st_mode) == 0o666
    assert any(each["subject"] == "configuration" and "writable by everybody" in each["message"] for each in wrong(again))


# nexus config check


@pytest.mark.parametrize("name", [
    "an adapter that is not there", "a variable that is not set", "a misspelt option", "a missing certificate",
    "a directory of adapters that is not there", "a network without keys",
])
def test_the_configuration_is_checked_as_deeply(nexus, tmp_path, upstream, name):
    configuration, _, words = SET_UPS[name]
    (tmp_path / "nexus.toml").write_text(configuration.replace("URL", upstream.url))

    checked = nexus("config", "check", "--offline", cwd=tmp_path)

    assert checked.returncode == 1 and words in checked.stderr and "→" in checked.stderr, checked.stderr
    assert checked.stdout == "" and not INTERNAL.search(checked.stderr)


def test_offline_no_server_is_asked(nexus, tmp_path, upstream):
    asked = []
    models = {"object": "list", "data": [{"id": "m"}]}
    upstream.on("/v1/models", lambda exchange: (asked.append(1), exchange.answer(models))[1])
    (tmp_path / "nexus.toml").write_text(backend("box", upstream.url) + backend("gone", "http://127.0.0.1:1"))

    offline = nexus("config", "check", "--offline", cwd=tmp_path)
    assert offline.returncode == 0 and offline.stdout == "nexus.toml: valid, 2 backends\n"
    assert not asked

    online = nexus("config", "check", cwd=tmp_path)
    assert online.returncode == 1 and "backend gone" in online.stderr and asked


# Where the configuration is


def test_the_first_configuration_that_is_there_counts_and_is_named(nexus, tmp_path):
    work, user = tmp_path / "work", tmp_path / "config"
    (user / "nexus").mkdir(parents=True)
    work.mkdir()
    named = tmp_path / "named.toml"
    named.write_text("")
    environment = {"XDG_CONFIG_HOME": str(user), "HOME": str(tmp_path)}

    def used(*arguments: str, **more: str) -> str:
        done = nexus("config", "check", *arguments, cwd=work, **environment, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout.split(":")[0]

    assert used() == "the defaults"
    (user / "nexus" / "nexus.toml").write_text("")
    assert used() == str(user / "nexus" / "nexus.toml")
    (work / "nexus.toml").write_text("")
    assert used() == "nexus.toml"
    assert used(NEXUS_CONFIG=str(named)) == str(named)
    assert used("--config", str(user / "nexus" / "nexus.toml"), NEXUS_CONFIG=str(named)) == str(user / "nexus" / "nexus.toml")


def test_the_log_says_which_configuration_was_used(start):
    gateway = start("[server]\nmax_body_bytes = 4096\n")
    gateway.wait_for_log("the gateway takes requests")
    gateway.wait_for_log(f"configuration={gateway.log_path.parent}/nexus.toml")


# Statuses and words


@pytest.mark.parametrize(("arguments", "words"), [
    (["serv"], "did you mean 'nexus serve'?"),
    (["docter"], "did you mean 'nexus doctor'?"),
    (["backends", "lst"], "did you mean 'nexus backends list'?"),
    (["config", "chek"], "did you mean 'nexus config check'?"),
    (["nothing-like-it"], "there are: serve,"),
    (["serve", "--prot", "1"], "--port"),
    (["serve", "--port", "x"], "--port"),
    (["serve", "--port", "99999"], "--port: must be"),
    (["serve", "--log-level", "warnin"], 'did you mean "warning"?'),
    (["doctor", "--log-format", "jso"], 'did you mean "json"?'),
    (["health", "--url", "nowhere"], "--url"),
    (["actions", "run", "b", "a", "x"], "name=text"),
    (["cert", "self-signed", "--days", "0"], "--days"),
    (["adapter", "check"], "which file?"),
])
def test_a_command_line_that_is_wrong_ends_with_status_2_and_the_nearest(nexus, arguments, words):
    done = nexus(*arguments)
    assert done.returncode == 2 and words in done.stderr and done.stdout == "", done.stderr
    assert not re.search(r"SocketAddressError|Optional\(|Malformed", done.stderr)


@pytest.mark.parametrize("arguments", [
    ["health", "--url", "http://127.0.0.1:1"], ["config", "check", "--config", "none.toml"], ["health", "--url", "http://no-such-host.invalid"],
    ["health", "--url", "https://no-such-host.invalid"], ["serve", "--config", "none.toml"], ["tail", "--url", "http://127.0.0.1:1"],
    ["backends", "list", "--url", "http://127.0.0.1:1"],
])
def test_what_goes_wrong_ends_with_status_1_in_words(nexus, arguments, tmp_path):
    done = nexus(*arguments, cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.startswith("nexus: ") and not INTERNAL.search(done.stderr), done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["help", "serve"], ["doctor", "--help"], ["config", "check", "--help"], ["--version"]])
def test_help_ends_with_status_0(nexus, arguments):
    done = nexus(*arguments)
    assert done.returncode == 0 and done.stderr == ""


def test_the_statuses_stand_in_the_help(nexus):
    assert "0 all is well, 1 something is wrong, 2 the command line is" in re.sub(r"\s+", " ", nexus("--help").stdout)


def test_an_address_with_v1_is_understood(start, nexus):
    gateway = start("")
    done = nexus("health", "--url", gateway.url + "/v1")
    assert done.returncode == 1 and f"--url {gateway.url}" in done.stderr and "version ?" not in done.stdout + done.stderr


def test_a_server_that_is_no_nexus_is_not_shown_as_one(nexus, upstream):
    upstream.on("/health", lambda exchange: exchange.answer({"status": "ok"}))
    done = nexus("health", "--url", upstream.url)
    assert done.returncode == 1 and "not as a nexus does" in done.stderr and done.stdout == ""


def test_a_client_that_forgot_v1_is_told(start, upstream):
    gateway = start(backend("box", upstream.url))
    gateway.wait_for_backend("box")
    for path, meant in (("/chat/completions", "/v1/chat/completions"), ("/v1/v1/chat/completions", "/v1/chat/completions")):
        answer = gateway.http.post(path, json={})
        assert answer.status_code == 404 and f"did you mean {meant}?" in answer.json()["error"]["message"]
    wrong = gateway.http.post("/v1/v1/messages", json={}).json()["error"]["message"]
    assert "did you mean /v1/messages? The base address of Anthropic's clients has no /v1" in wrong
    nothing = gateway.get("/nothing").json()["error"]["message"]
    assert "did you mean" not in nothing and "GET /v1/openapi.json" in nothing


def test_an_alias_without_a_target_blames_the_target(start, upstream):
    gateway = start(backend("box", upstream.url) + '[routing.aliases]\nfast = "lama"\n')
    gateway.wait_for_backend("box")
    message = gateway.chat("fast").json()["error"]["message"]
    assert message.startswith("'fast' stands for 'lama', and that model does not exist at any backend")


@pytest.mark.parametrize("content", [b"MZ not for this system", b"\x7fELF", b""])
def test_a_file_that_is_no_adapter_is_described_in_words(nexus, tmp_path, content):
    file = tmp_path / "x.so"
    file.write_bytes(content)
    for command in (["adapter", "check", str(file)], ["adapters", "list", "--adapters-dir", str(tmp_path)]):
        done = nexus(*command, cwd=tmp_path)
        assert done.returncode != 0 and not INTERNAL.search(done.stdout + done.stderr), done.stdout


def test_a_host_to_listen_on_that_is_unknown_is_told_in_words(nexus, tmp_path):
    done = nexus("serve", "--host", "no-such-host.invalid", "--allow-unauthenticated", "--port", "0", cwd=tmp_path, XDG_STATE_HOME=str(tmp_path))
    assert done.returncode == 1 and "no-such-host.invalid is neither an address nor a name that can be resolved" in done.stderr
    assert not INTERNAL.search(done.stderr)
