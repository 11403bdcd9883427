"""The program as its operator uses it."""

import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

from gateway import BUILD, LONG, backend, free_port, until
from upstream import ANSWER, Upstream

# Configuration


def test_a_new_configuration_is_complete_and_valid(nexus, tmp_path):
    assert nexus("config", "init", cwd=tmp_path).returncode == 0
    checked = nexus("config", "check", cwd=tmp_path)

    assert checked.returncode == 0 and checked.stdout.startswith("nexus.toml: valid, 0 backends\nnote: backends: none is configured")


def test_a_configuration_is_not_overwritten(nexus, tmp_path):
    (tmp_path / "nexus.toml").write_text("# mine\n")

    refused = nexus("config", "init", cwd=tmp_path)

    assert refused.returncode == 1 and "--force" in refused.stderr
    assert (tmp_path / "nexus.toml").read_text() == "# mine\n"
    assert nexus("config", "init", "--force", cwd=tmp_path).returncode == 0


def test_the_start_reads_a_pipe(upstream: Upstream):
    check = [str(BUILD / "nexus"), "config", "check", "--config", "/dev/stdin"]
    checked = subprocess.run(check, input=backend("one", upstream.url), text=True, capture_output=True, timeout=LONG)

    assert checked.returncode == 0 and checked.stdout == "/dev/stdin: valid, 1 backend\n"


def test_a_pipe_that_nobody_writes_is_not_waited_for(nexus, tmp_path):
    os.mkfifo(tmp_path / "nexus.toml")
    checked = nexus("config", "check", cwd=tmp_path)

    assert checked.returncode == 1 and "cannot be read: it did not come to its end within 5 s" in checked.stderr


@pytest.mark.parametrize("command", [["config", "check"], ["serve"]])
def test_everything_that_is_wrong_is_told_at_once(nexus, tmp_path, command):
    (tmp_path / "nexus.toml").write_text('[server]\nport = 99999\nhots = "x"\n\n[routing]\nstrategy = "best"\n')

    refused = nexus(*command, cwd=tmp_path)

    assert refused.returncode == 1
    for words in (
        "nexus.toml: line 2: server.port", "0 to 65535", "line 3: server.hots", '"host"', "line 6: routing.strategy",
        '"smart"',
    ):
        assert words in refused.stderr, refused.stderr


def test_a_missing_file_that_was_named_is_an_error(nexus, tmp_path):
    refused = nexus("serve", "--config", "none.toml", cwd=tmp_path)

    assert refused.returncode == 1 and "none.toml" in refused.stderr


def test_flags_go_over_the_environment_and_that_over_the_file(start, tmp_path):
    gateway = start('[server]\nport = 1\nhost = "127.0.0.1"\n[logging]\nformat = "pretty"\n', environment={"NEXUS_PORT": "2", "NEXUS_LOG_FORMAT": "json"})

    assert gateway.port not in (1, 2)
    for line in gateway.log.splitlines():
        assert json.loads(line)["level"]


# Talking to a running gateway


def test_health_says_what_is_wrong(start, upstream, nexus):
    gateway = start(backend("one", upstream.url) + backend("gone", f"http://127.0.0.1:{free_port()}"))
    gateway.wait_for_backend("one")
    until(lambda: gateway.json("/health")["trouble"] != [])

    health = nexus("health", "--url", gateway.url)

    first, *rest = health.stdout.splitlines()
    assert health.returncode == 0 and first.startswith("degraded: 1 of 2 backends healthy")
    assert rest and all(re.match("(critical|warning|notice): ", line) for line in rest) and "gone" in rest[0]


def test_the_commands_show_what_the_gateway_knows(start, upstream, nexus):
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")

    models = nexus("models", "--url", gateway.url)
    health = nexus("health", "--url", gateway.url)
    backends = nexus("backends", "list", "--url", gateway.url)

    assert models.stdout.splitlines()[1].split()[:2] == ["m", "one"]
    assert health.returncode == 0 and health.stdout.startswith("healthy: 1 of 1 backends healthy, 1 model")
    assert backends.stdout.splitlines()[1].split()[:3] == ["one", "openai", "Healthy"]
    for command in (["models"], ["health"], ["backends", "list"]):
        assert json.loads(nexus(*command, "--json", "--url", gateway.url).stdout)


def test_without_a_gateway_they_say_so(nexus):
    refused = nexus("health", "--url", f"http://127.0.0.1:{free_port()}")

    assert refused.returncode == 1 and "is 'nexus serve' running there?" in refused.stderr


def test_a_configuration_that_is_wrong_does_not_hide_the_gateway(start, nexus, tmp_path):
    gateway = start()
    (tmp_path / "nexus.toml").write_text("[server]\nprot = 1\n")
    without, goes_on = "--url http://HOST:PORT asks the gateway without reading it.", "The running gateway goes on with"

    for command in (["health"], ["backends", "list"], ["top", "--once"], ["config", "reload"]):
        refused = nexus(*command, cwd=tmp_path)
        assert refused.returncode == 1 and "the configuration is not valid\nnexus.toml: line 2" in refused.stderr
        assert refused.stderr.splitlines()[-1] == without
        assert (goes_on in refused.stderr) == (command == ["config", "reload"])
    # As the words say.
    assert nexus("backends", "list", "--url", gateway.url, cwd=tmp_path).returncode == 0


def test_a_directory_of_adapters_that_is_not_there_is_told(nexus, tmp_path):
    (tmp_path / "empty").mkdir()

    empty = nexus("adapters", "list", "--adapters-dir", "empty", cwd=tmp_path)
    missing = nexus("adapters", "list", "--adapters-dir", "../nodir", cwd=tmp_path)
    beside = nexus("adapters", "list", "--adapters-dir", str(BUILD), "--adapters-dir", "nodir", "--json", cwd=tmp_path)

    assert empty.returncode == 0 and empty.stdout == "No adapters in empty.\n"
    assert missing.returncode == 1 and missing.stdout == ""
    assert missing.stderr == "nexus: ../nodir: there is no such directory\n"
    assert beside.returncode == 1 and json.loads(beside.stdout) and "nodir: there is no such directory" in beside.stderr


@pytest.mark.parametrize("command", [["config", "check"], ["serve"], ["doctor"]])
def test_a_configuration_without_its_option_is_told_how_it_is_named(nexus, tmp_path, command):
    refused = nexus(*command, "good.toml", cwd=tmp_path)

    assert refused.returncode == 2 and "Unexpected argument 'good.toml'" in refused.stderr
    assert "\nA configuration is named with --config good.toml.\n" in refused.stderr
    assert "A configuration is named" not in nexus(*command, "good", cwd=tmp_path).stderr


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ("version", "nexus --version"), ("logs", "nexus tail"), ("log", "nexus tail"), ("status", "nexus health"),
        ("reload", "nexus config reload"), ("adapter list", "nexus adapters list"), ("config validate", "nexus config check"),
        ("hsitory", "nexus history"), ("test", None), ("top --foo", None), ("top --onec", "--once"), ("top --uri", "--url"),
    ],
)
def test_the_nearest_is_what_may_have_been_meant(nexus, arguments, meant):
    refused = nexus(*arguments.split())

    assert refused.returncode == 2
    near = refused.stderr.lower().partition("did you mean '")[2].partition("'")[0]
    assert near == (meant or ""), refused.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["--version"]])
def test_help_and_version_are_there(nexus, arguments):
    assert nexus(*arguments).returncode == 0


def test_the_gateway_and_its_adapters_say_one_version(nexus, start):
    gateway = start()
    version = nexus("--version").stdout.strip()

    assert version.count(".") == 2
    assert gateway.json("/health")["version"] == version
    assert {adapter["version"] for adapter in gateway.json("/v1/adapters")["data"]} == {version}
    assert f'class="version">{version}<' in gateway.get("/").text


def test_completions_for_shells_are_there(nexus):
    assert "nexus" in nexus("--generate-completion-script", "bash").stdout


# Starting


def test_a_port_in_use_is_told(nexus, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = nexus("serve", "--port", str(port), cwd=tmp_path)

    assert refused.returncode == 1 and f"127.0.0.1:{port} is in use" in refused.stderr


def test_with_nothing_configured_servers_at_default_addresses_are_found(start):
    try:
        server = Upstream(port=1234)
    except OSError:
        pytest.skip("port 1234 is in use on this machine")
    try:
        gateway = start()
        view = gateway.wait_for_backend("openai-1234")
        assert view["discovery_source"] == "discovered"
        assert gateway.chat().json() == ANSWER
    finally:
        server.close()


# Ending


def asks(gateway, results):
    thread = threading.Thread(target=lambda: results.append(gateway.chat(stream=True).text))
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_exchange_may_finish(start, upstream, number):
    go_on = threading.Event()

    def waits(exchange):
        assert go_on.wait(LONG)
        exchange.answer(ANSWER)

    upstream.chat(waits)
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")
    results = []
    thread = threading.Thread(target=lambda: results.append(gateway.chat()))
    thread.start()
    upstream.request()

    gateway.signal(number)
    refuses_connections(gateway)
    go_on.set()

    thread.join(LONG)
    assert results[0].status_code == 200 and results[0].headers["connection"] == "close"
    assert gateway.wait() == 0


def refuses_connections(gateway):
    """Returns when the gateway has stopped listening. Each try waits for the kernel's answer."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", gateway.port), timeout=LONG).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            pass  # it was still in the listener's queue


def test_after_the_deadline_what_still_runs_is_told(start, upstream):
    upstream.chat(lambda exchange: exchange.wait_until_closed())
    gateway = start("[server]\nshutdown_timeout_seconds = 1\n" + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    results = []
    thread = asks(gateway, results)
    upstream.request()

    gateway.signal()

    thread.join(LONG)
    assert "shutting down" in results[0] and gateway.wait() == 0


def test_a_second_signal_forces_the_end(start, upstream):
    upstream.chat(lambda exchange: exchange.wait_until_closed())
    gateway = start("[server]\nshutdown_timeout_seconds = 3600\n" + backend("one", upstream.url), expect_status=1)
    gateway.wait_for_backend("one")
    results = []
    thread = asks(gateway, results)
    upstream.request()

    gateway.signal()
    refuses_connections(gateway)
    gateway.signal()

    assert gateway.wait() == 1
    thread.join(LONG)


def test_the_gateway_ends_at_once_when_nothing_runs(start):
    gateway = start("[server]\nshutdown_timeout_seconds = 3600\n")
    gateway.get("/health")  # leaves an idle connection

    gateway.signal()

    assert gateway.wait() == 0


def test_it_can_be_ended_while_it_looks_for_servers(tmp_path):
    process = subprocess.Popen(
        [str(BUILD / "nexus"), "serve", "--port", "0"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=LONG) in (0, -signal.SIGTERM)
    process.stderr.close()


@pytest.mark.parametrize("text", ["[" * 100_000, "{" * 100_000, '{"a":' * 20_000])
def test_no_json_of_others_ends_a_command(nexus, tmp_path, text: str):
    (tmp_path / "script.json").write_text(text)
    argument = nexus("actions", "run", "--url", "http://127.0.0.1:1", "b", "pull", f"a:={text}")
    script = nexus("adapter", "check", str(BUILD / "libOpenAICompat.so"), "--script", str(tmp_path / "script.json"))
    options = nexus("adapter", "check", str(BUILD / "libOpenAICompat.so"), "--options", text)

    assert argument.returncode == 2 and "not JSON" in argument.stderr
    assert script.returncode == 2 and options.returncode == 2
