"""What commands say to the person who types them, and the short forms of what is typed."""

import json
import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway import BUILD, FAST, LONG, backend, free_port, until
from upstream import Upstream

ROUTE = re.compile(r"\b(GET|POST|PATCH|DELETE) /|\?[a-z_]+=")
"""How a program asks, which is of no use to a person at the command line."""


@pytest.fixture
def gateway(start, upstream):
    gateway = start(FAST + "[captures]\nenabled = true\n" + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


# Commands instead of routes


@pytest.mark.parametrize(("arguments", "command"), [
    (["requests", "cancel", "nobody"], "'nexus requests list'"),
    (["captures", "show", "0123"], "'nexus captures list'"),
    (["captures", "delete", "0123"], "'nexus captures list'"),
    (["replay", "0123"], "'nexus captures list'"),
    (["actions", "list", "nobody"], "'nexus backends list'"),
    (["actions", "run", "nobody", "pull"], "'nexus backends list'"),
    (["actions", "run", "one", "dance"], "'nexus actions list NAME'"),
    (["adapter", "release", "nobody"], "'nexus adapters list'"),
    (["backends", "drain", "nobody"], "There are: 'one'"),
])
def test_what_is_refused_names_the_command_to_type(gateway, nexus, arguments, command):
    refused = nexus(*arguments, "--url", gateway.url)

    assert refused.returncode == 1 and command in refused.stderr, refused.stderr
    assert not ROUTE.search(refused.stdout + refused.stderr)


def test_a_reload_that_would_remove_everything_names_the_option_alone(gateway, nexus):
    (gateway.log_path.parent / "nexus.toml").write_text(FAST)

    refused = nexus("config", "reload", "--url", gateway.url)

    assert refused.returncode == 1 and "nexus config reload --allow-empty." in refused.stderr
    assert not ROUTE.search(refused.stderr)


def test_a_removed_backend_of_the_configuration_names_how_it_comes_back(gateway, nexus, upstream):
    assert nexus("backends", "remove", "one", "--now", "--wait", "--url", gateway.url).returncode == 0

    refused = nexus("backends", "add", "one", upstream.url, "--type", "openai", "--url", gateway.url)

    assert refused.returncode == 1 and "nexus backends enable." in refused.stderr, refused.stderr
    assert not ROUTE.search(refused.stderr)


def test_of_requests_with_one_id_the_command_cancels_the_one_that_is_meant(gateway, nexus, upstream):
    upstream.chat(lambda exchange: upstream.stopped.wait(LONG))
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nx-request-id: same\r\nContent-Length: %d\r\n\r\n" % len(body)
    with gateway.connection() as first, gateway.connection() as second:
        first.sendall(head + body)
        second.sendall(head + body)
        until(lambda: len(gateway.json("/v1/requests/active")["data"]) == 2)
        one = gateway.json("/v1/requests/active")["data"][0]["exchange"]

        refused = nexus("requests", "cancel", "same", "--url", gateway.url)
        both = nexus("requests", "cancel", "same", "--all", "--exchange", one, "--url", gateway.url)
        done = nexus("requests", "cancel", "same", "--exchange", one, "--url", gateway.url)
        until(lambda: len(gateway.json("/v1/requests/active")["data"]) == 1)

        assert refused.returncode == 1 and "--exchange" in refused.stderr and "--all to cancel them all" in refused.stderr
        assert not ROUTE.search(refused.stderr)
        assert both.returncode == 2 and done.returncode == 0 and "Cancelled same" in done.stdout


# Only what the command is about


def test_a_command_about_one_backend_does_not_warn_of_another(start, nexus, upstream, second_upstream):
    gateway = start(FAST + backend("broken", upstream.url, api_key_env="NO_SUCH_KEY") + backend("one", upstream.url))
    gateway.wait_for_backend("one")

    for command in (["list"], ["set", "one", "priority=3"], ["drain", "one"], ["enable", "one"], ["add", "two", second_upstream.url]):
        done = nexus("backends", *command, "--url", gateway.url)
        assert done.returncode == 0 and "warning" not in done.stdout + done.stderr, (command, done.stdout)
    own = nexus("backends", "set", "broken", "priority=3", "--url", gateway.url)
    assert "warning: broken: the environment variable NO_SUCH_KEY" in own.stdout


def test_timeouts_are_set_as_options_too(gateway, nexus):
    done = nexus(
        "backends", "set", "one", "--connect-seconds", "4", "--first-byte-seconds", "30", "--gap-seconds", "5.5",
        "--total-seconds", "0", "--queue-seconds", "7", "--persist", "--url", gateway.url)

    assert done.returncode == 0, done.stderr
    kept = json.loads((gateway.log_path.parent / "nexus.toml.state.json").read_text())
    assert kept["changes"]["one"]["timeouts"] == {
        "connect_seconds": 4, "first_byte_seconds": 30, "gap_seconds": 5.5, "total_seconds": 0, "queue_seconds": 7,
    }
    wrong = nexus("backends", "set", "one", "--gap-seconds", "soon", "--url", gateway.url)
    assert wrong.returncode == 1 and "gap_seconds" in wrong.stderr


def test_a_reload_says_what_has_changed(gateway, nexus, upstream, second_upstream):
    file: Path = gateway.log_path.parent / "nexus.toml"
    file.write_text("[routing]\nmax_retries = 1\n" + file.read_text() + backend("two", second_upstream.url))

    first, again = (nexus("config", "reload", "--url", gateway.url) for _ in range(2))

    assert first.stdout.splitlines() == [
        "added: two", "tables with changes: routing, backends", "keys with changes: routing.max_retries",
        "The configuration was read again.",
    ]
    assert again.stdout == "The configuration was read again, and says the same as before.\n"


# One capture


def test_captures_are_deleted_by_their_ids(gateway, nexus):
    def ids() -> list[str]:
        return [each["id"] for each in gateway.json("/v1/captures")["data"]]

    for _ in range(4):
        gateway.chat()
    until(lambda: len(ids()) == 4)
    first, second, third, last = ids()

    done = nexus("captures", "delete", first, second, "0123", "--url", gateway.url)
    assert done.returncode == 1 and done.stdout == "Deleted 2 captures.\n" and "'0123'" in done.stderr
    assert gateway.http.delete(f"/v1/captures/{third}").json() == {"deleted": 1}
    assert gateway.http.delete(f"/v1/captures/{third}").json()["error"]["code"] == "capture_not_found"
    assert ids() == [last]
    assert f"DELETE /v1/captures/{first}" in [each["command"] for each in gateway.json("/v1/audit")["data"]]
    for arguments in ([], [last, "--all"]):
        assert nexus("captures", "delete", *arguments, "--url", gateway.url).returncode == 2
    assert ids() == [last]


# What is found


def said_to_a_terminal(folder: Path, *arguments: str) -> tuple[str, str]:
    """Standard output, and what stands on the terminal that is standard error."""
    master, slave = pty.openpty()
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
    done = subprocess.run(
        [BUILD / "nexus", *arguments], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=slave, text=True, timeout=LONG)
    os.close(slave)
    said = b""
    try:
        while piece := os.read(master, 65536):
            said += piece
    except OSError:
        pass  # So ends a terminal that nobody has any more.
    os.close(master)
    return done.stdout, said.decode()


def test_whoever_waits_is_told_which_servers_are_asked(tmp_path, nexus, upstream, second_upstream):
    (tmp_path / "nexus.toml").write_text(backend("one", upstream.url) + backend("two", second_upstream.url))
    asking = "nexus: asking 2 servers, which may take some seconds: one, two\r\n"

    for command in (["doctor", "-p", "0"], ["config", "check"]):
        shown, said = said_to_a_terminal(tmp_path, *command)
        assert said == asking and "asking" not in shown
        assert said_to_a_terminal(tmp_path, *command, "--offline")[1] == ""
        assert nexus(*command, cwd=tmp_path, XDG_STATE_HOME=str(tmp_path)).stderr == ""


def test_notes_are_shown_also_where_something_is_wrong(tmp_path, nexus, upstream):
    open_to_all = '[server]\nhost = "0.0.0.0"\nallow_unauthenticated = true\n'
    note = "note: server.host: no keys are configured"
    for more, status in (("", 0), ('api_key_env = "NO_SUCH_KEY"\n', 1)):
        (tmp_path / "nexus.toml").write_text(open_to_all + backend("one", upstream.url) + more)
        checked = nexus("config", "check", cwd=tmp_path)
        assert checked.returncode == status and note in (checked.stderr if status else checked.stdout)
        assert ("NO_SUCH_KEY" in checked.stderr) == (status == 1)


# A file with keys that is named and not there


@pytest.mark.parametrize("how", ["a flag", "a variable"])
def test_a_named_file_with_keys_that_is_not_there_is_told_until_a_key_makes_it(start, nexus, tmp_path, how):
    file = tmp_path / "kyes.toml"
    if how == "a variable":
        gateway = start("", environment={"NEXUS_KEYS_FILE": str(file)})
    else:
        gateway = start("", wrapper=("sh", "-c", f'exec "$@" --keys-file {file}', "sh"))
    gateway.wait_for_log(f"there is no file with keys {file}, so that nobody needs a key")
    gateway.wait_for_log(f"nexus keys add NAME --keys-file {file}")

    made = nexus("keys", "add", "boss", "--role", "operator", "--keys-file", str(file), "--url", gateway.url)

    assert made.returncode == 0 and "has taken it" in made.stderr, made.stderr
    assert gateway.get("/v1/models").status_code == 401
    key = {"authorization": f"Bearer {made.stdout.strip()}"}
    assert gateway.get("/v1/models", headers=key).status_code == 200


def test_where_others_reach_it_a_missing_file_with_keys_is_refused_with_the_command_that_makes_it(nexus, tmp_path):
    refused = nexus("serve", "--host", "0.0.0.0", "-p", "0", "--keys-file", "kyes.toml", cwd=tmp_path)

    assert refused.returncode == 1 and "nexus keys add NAME --keys-file kyes.toml" in refused.stderr


def test_a_file_with_keys_that_cannot_be_read_is_an_error(nexus, tmp_path):
    (tmp_path / "keys.toml").mkdir()
    refused = nexus("serve", "-p", "0", "--keys-file", "keys.toml", cwd=tmp_path)

    assert refused.returncode == 1 and "keys.toml: cannot be read" in refused.stderr


def test_the_usual_file_with_keys_need_not_be_there(start):
    assert "file with keys" not in start("").log


@pytest.mark.skipif(os.geteuid() != 0, reason="files are given to other users by root alone")
def test_root_is_told_whose_the_keys_are_once_and_while_others_have_them(nexus, tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    shutil.chown(folder, "nobody", "nogroup")
    file = folder / "keys.toml"

    def add(name: str) -> str:
        done = nexus("keys", "add", name, "--keys-file", str(file), "--no-reload", cwd=tmp_path)
        assert done.returncode == 0
        return done.stderr

    assert "belongs to the user nobody" in add("first")
    assert "belongs to" not in add("second")
    shutil.chown(file, "root", "root")
    for name in ("third", "fourth"):
        assert "can be read by root alone" in add(name)


# Short options


def test_short_options_mean_the_same_everywhere(start, nexus, tmp_path, upstream: Upstream):
    port = free_port()
    (tmp_path / "mine.toml").write_text(f"[server]\nport = {port}\n" + backend("one", upstream.url))
    (tmp_path / "config.yaml").write_text(
        "model_list:\n- model_name: m\n  litellm_params:\n    model: openai/m\n    api_base: http://127.0.0.1:9/v1\n")

    checked = nexus("config", "check", "-c", "mine.toml", cwd=tmp_path)
    examined = nexus("doctor", "-c", "mine.toml", "-p", "0", "--offline", cwd=tmp_path, XDG_STATE_HOME=str(tmp_path))
    asked = nexus("health", "-c", "mine.toml", cwd=tmp_path)
    imported = nexus("config", "import", "config.yaml", "--from", "litellm", "-o", "made.toml", cwd=tmp_path)
    written = nexus("config", "init", "-c", "other.toml", cwd=tmp_path)

    assert checked.returncode == 0 and checked.stdout.startswith("mine.toml: valid, 1 backend")
    assert examined.returncode == 0 and "any free port is taken" in examined.stdout
    assert asked.returncode == 1 and f"127.0.0.1:{port}" in asked.stderr
    assert imported.returncode == 0 and (tmp_path / "made.toml").exists(), imported.stderr
    assert written.returncode == 0 and (tmp_path / "other.toml").exists()


def test_every_command_has_the_short_options_of_its_long_ones(nexus):
    wanted = {"config": "-c", "port": "-p", "output": "-o", "follow": "-f"}
    told = json.loads(nexus("--experimental-dump-help").stdout)
    missing: list[str] = []
    seen: set[str] = set()

    def look(command: dict, path: str) -> None:
        for argument in command.get("arguments", []):
            names = {name["kind"]: name["name"] for name in argument.get("names", [])}
            if (long := names.get("long")) in wanted:
                seen.add(long)
                if names.get("short") != wanted[long][1]:
                    missing.append(f"{path} --{long}")
        for child in command.get("subcommands", []):
            look(child, f"{path} {child['commandName']}")

    look(told["command"], "nexus")
    assert missing == [] and seen == set(wanted)
