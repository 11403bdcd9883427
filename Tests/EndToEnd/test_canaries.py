"""Secrets are planted wherever one may stand, and looked for wherever anybody or anything could find them.

`test_secrets.py` spells the secrets of a backend in every way; here each one goes in plainly, by every door, and everything that
the gateway tells, writes or keeps is searched: its answers, live updates, pages, lists, exports, its log at the finest level, its
state directory with the history's file and what a crash leaves, and the output of every command.
"""

import base64
import contextlib
import hashlib
import json
import re
import socket
import sqlite3
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.exceptions import WebSocketException

from conftest import compile_adapter
from gateway import BUILD, LONG, Gateway, backend, until
from test_keys import bearer, key
from test_operators import sign_in
from upstream import ANSWER, Exchange, Upstream, delta

# As long as real ones, so that half of one is a secret, too.
BOSS = "nx-CANARYboss" + "o" * 33
APP = "nx-CANARYapp" + "a" * 34
STRANGER = "nx-CANARYstranger" + "s" * 29
BACKEND_KEY = "sk-CANARYbackend-0123456789abcdefghij"
SECOND_KEY = "sk-CANARYsecond-9876543210zyxwvutsrq"
HEADER = "hdr-CANARYheader-5647382910"
NAMED = "pw-CANARYnamed-option-5551"
PASSWORD = "pw-CANARYuserinfo-777"
MISPLACED = "sk-CANARYmisplaced-42424242"
SECRETS = {
    "an operator's key": BOSS,
    "a client's key": APP,
    "the key of a stranger": STRANGER,
    "a backend's key": BACKEND_KEY,
    "the second key of a backend": SECOND_KEY,
    "a secret header": HEADER,
    "an option whose name says that it is secret": NAMED,
    "a password within an address": PASSWORD,
    "a key in the wrong place": MISPLACED,
}
ENVIRONMENT = {"BOX_KEY": BACKEND_KEY, "BOX_KEY_2": SECOND_KEY}

CONFIGURATION = (
    '[logging]\nlevel = "trace"\n[dashboard]\nshow_content = true\n'
    "[health_check]\ninterval_seconds = 1\nfailure_threshold = 1\nrecovery_threshold = 1\n"
    + key("boss", BOSS, role="operator")
    + key("app", APP)
)


def parts(secret: str) -> list[str]:
    """What gives the secret away: itself, halves of it, and its usual encodings."""
    middle = len(secret) // 2
    encoded = [base64.b64encode(text.encode()).decode().rstrip("=") for text in (secret, f":{secret}", f"user:{secret}")]
    return [secret, secret[:middle], secret[middle:], *encoded, hashlib.sha256(secret.encode()).hexdigest()]


def found(texts: dict[str, str | bytes]) -> list[tuple[str, str]]:
    """Which secrets stand where."""
    leaks = []
    for place, text in texts.items():
        content = text if isinstance(text, bytes) else text.encode()
        for name, secret in SECRETS.items():
            at = next((content.index(part.encode()) for part in parts(secret) if part.encode() in content), None)
            if at is not None:
                leaks.append((name, f"{place}: {content[max(0, at - 60) : at + 60]!r}"))
    return leaks


class World:
    """A gateway with everything that it has ever said."""

    def __init__(self, gateway: Gateway, upstream: Upstream, nexus: Callable[..., object]) -> None:
        self.gateway = gateway
        self.upstream = upstream
        self.nexus = nexus
        self.said: dict[str, str | bytes] = {}

    def note(self, place: str, text: str | bytes) -> None:
        self.said[f"{len(self.said)} {place}"] = text

    def ask(self, method: str, path: str, shown: str | None = BOSS, **options: object) -> object:
        headers = {**(bearer(shown) if shown else {}), **options.pop("headers", {})}  # type: ignore[dict-item]
        answer = self.gateway.http.request(method, path, headers=headers, **options)  # type: ignore[arg-type]
        # A cookie that is set is meant for whoever has signed in.
        head = [line for line in answer.headers.multi_items() if line[0] != "set-cookie"]
        self.note(f"{method} {path.split('?')[0]} {answer.status_code}", f"{head}\n{answer.text}")
        return answer

    def chat(self, shown: str | None = APP, path: str = "/v1/chat/completions", **options: object) -> object:
        stream = bool(options.pop("stream", False))
        body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}], "stream": stream}
        return self.ask("POST", path, shown, json=body, **options)

    def run(self, *arguments: str, **options: str) -> None:
        done = self.nexus(*arguments, **options)  # type: ignore[operator]
        self.note("nexus " + " ".join(arguments[:2]), done.stdout + done.stderr)  # type: ignore[attr-defined]


# What is planted


def client_keys(world: World) -> None:
    for headers in (bearer(STRANGER), {"x-api-key": STRANGER}, {"api-key": STRANGER}, {"cookie": f"nexus_session={STRANGER}"}):
        for method, path in (("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("GET", "/"), ("GET", "/v1/logs")):
            world.ask(method, path, None, headers=headers)
    for path in ("/v1/chat/completions", "/v1/messages", "/api/chat", "/v1/nothing"):
        world.chat(APP, path)
        world.chat(STRANGER, path)
    assert world.upstream.requests.qsize() > 0
    while world.upstream.requests.qsize():
        sent = world.upstream.request()
        world.note("what a backend was sent", json.dumps({k: v for k, v in sent.headers.items() if k not in ("authorization", "x-token")}))
        assert sent.headers.get("authorization") in (f"Bearer {BACKEND_KEY}", f"Bearer {SECOND_KEY}")


def keys_in_queries(world: World) -> None:
    for name in ("key", "api_key"):
        for secret in (STRANGER, APP, BOSS):
            query = f"?{name}={secret}&{secret}&{secret}=1"
            world.chat(APP, f"/v1/chat/completions{query}")
            for method, path in (
                ("GET", "/v1/models"), ("GET", "/v1/history"), ("GET", "/v1/logs"), ("GET", "/nowhere"), ("GET", "/"),
                ("POST", "/v1/admin/reload"), ("POST", "/v1/backends/box/enable"), ("DELETE", "/v1/requests/none"),
                ("POST", "/v1/adapters/release"), ("POST", "/v1/explain"), ("GET", "/v1/series"),
            ):  # fmt: skip
                world.ask(method, path + query)
            with contextlib.suppress(WebSocketException), world.gateway.socket(query) as live:
                live.next()


def sign_ins(world: World) -> None:
    world.ask("POST", "/v1/session", None, json={"key": STRANGER})
    world.ask("POST", "/v1/session", None, data={"key": STRANGER})
    world.ask("POST", "/v1/session", None, content=STRANGER)
    signed = sign_in(world.gateway, BOSS)
    for secret in (world.gateway.http.cookies["nexus_session"], signed.json()["csrf"]):
        SECRETS[f"what a session is known by: {secret[:4]}"] = secret
    world.ask("GET", "/", None)
    world.ask("GET", "/v1/session", None)
    world.said.pop(next(reversed(world.said)))  # It tells who has signed in what to show with commands.
    world.ask("POST", "/v1/backends/box/enable", None, headers={"x-nexus-csrf": signed.json()["csrf"]})
    world.gateway.http.cookies.clear()


def broken_requests(world: World) -> None:
    for head in (
        f"GET /v1/models?key={APP} HTTP/1.1\r\nHost: x\r\nHost: y\r\nAuthorization: Bearer {APP}\r\n\r\n",
        f"GET /v1/models HTTP/9.9\r\nHost: x\r\nAuthorization: Bearer {APP}\r\n\r\n",
        f"Authorization: Bearer {APP}\r\n\r\n",
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: {APP}\r\nTransfer-Encoding: {APP}\r\n\r\n",
        f"GET http://user:{PASSWORD}@127.0.0.1/v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        f"GET /ws?watch={APP} HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://u:{PASSWORD}@evil.example\r\nConnection: close\r\n\r\n",
    ):
        with contextlib.suppress(socket.timeout):
            world.note("a broken request", world.gateway.raw(head.encode()))
    world.ask("POST", "/v1/chat/completions", APP, content=b'{"model": "m", "api_key": "' + APP.encode())


def errors_of_servers(world: World) -> None:
    """A server repeats what it was shown, whole, in parts, and encoded."""
    shown = {"key": BACKEND_KEY, "second": SECOND_KEY, "header": HEADER}
    basic = {name: base64.b64encode(f"{who}:{secret}".encode()).decode() for name, secret in shown.items() for who in ("",)}
    words = [
        *(f"Incorrect API key provided: {secret}." for secret in shown.values()),
        *(f"bad {secret[:20]} and {secret[-18:]}" for secret in shown.values()),
        *(f"Authorization: Basic {text}" for text in basic.values()),
        *(f"GET http://h/v1?key={urllib.parse.quote(secret)}&api_key={secret} failed" for secret in shown.values()),
        *(f"http://user:{secret}@box/v1 refused it" for secret in shown.values()),
    ]
    for status in (200, 400, 401, 403, 404, 429, 500, 503):
        text = " / ".join(words)

        def fail(exchange: Exchange, status: int = status, text: str = text) -> None:
            error = {"error": {"message": text, "type": text, "param": {text: [text]}, "code": text}}
            exchange.answer(error, status=status, x_request_id=text, server=text, www_authenticate=text, x_echo=text)

        world.upstream.chat(fail)
        world.chat()
        world.chat(stream=True)
        world.chat(path="/v1/messages")
        world.chat(path="/api/chat")

    def broken(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.event(delta("one"))
        exchange.event({"error": {"message": " / ".join(words)}})
        exchange.end_stream()

    world.upstream.chat(broken)
    world.chat(stream=True)
    world.upstream.chat(lambda exchange: exchange.send(f"HTTP/1.1 {BACKEND_KEY}\r\n\r\n".encode()))
    world.chat()
    world.upstream.chat(
        lambda exchange: exchange.answer(b"", 307, location=f"http://u:{BACKEND_KEY}@127.0.0.1:1/x?key={BACKEND_KEY}")
    )
    world.chat()
    # A good answer is the server's own, but what stands beside it is not.
    world.upstream.chat(
        lambda exchange: exchange.answer(ANSWER, x_request_id=BACKEND_KEY, server=BACKEND_KEY, openai_organization=HEADER)
    )
    world.chat()
    world.upstream.on("/v1/models", lambda exchange: exchange.answer({"error": {"message": " / ".join(words)}}, 401))
    world.gateway.http.headers.update(bearer(BOSS))
    until(lambda: world.gateway.json("/v1/backends/box")["status"] == "Unhealthy")
    del world.gateway.http.headers["authorization"]
    world.chat()
    everything_shown(world)
    world.upstream.models("m")
    world.upstream.chat(lambda exchange: exchange.answer(ANSWER))


def commands(world: World) -> None:
    url = world.upstream.url
    secret_options = {"headers": {"x-token": HEADER}, "password": NAMED, "login": {"api_key": NAMED}}
    for body in (
        {"url": f"http://user:{PASSWORD}@127.0.0.1:1"},
        {"url": f"http://127.0.0.1:1/?api_key={PASSWORD}"},
        {"url": f"user:{PASSWORD}@box"},
        {"url": url, "type": "openai", "name": "n1", "api_key": MISPLACED},
        {"url": url, "type": "openai", "name": "n2", "api_key_env": MISPLACED},
        {"url": url, "type": "openai", "name": "n3", "api_key_env": ["A", MISPLACED, {"x": MISPLACED}]},
        {"url": url, "type": "openai", "name": "n4", "options": MISPLACED},
        {"url": url, "type": "openai", "name": "n5", "options": {"headers": {"x-token": HEADER}}, "persist": True},
        {"url": url, "type": "openai", "name": "n6", "options": secret_options},
        {"url": url, "type": "openai", "name": "n7", "options": {"headers": {"x-token": HEADER}}},
        {"url": url, "type": "open", "name": "n8", "options": {"headers": [HEADER]}},
        {"url": url, "type": "echo", "name": "n9", "options": {"greeting": "hello", "password": NAMED}},
        {"url": url, "type": "openai", "name": "n10", "timeouts": MISPLACED},
        MISPLACED,
    ):
        world.ask("POST", "/v1/backends", json=body)
    world.ask("POST", "/v1/backends", content=b'{"api_key": "' + MISPLACED.encode())
    world.ask("PATCH", "/v1/backends/box", json={"api_key": MISPLACED, "priority": MISPLACED})
    world.ask("POST", "/v1/backends/box/actions/nothing", json={"token": MISPLACED})
    world.ask("GET", "/v1/backends/n7/detail")
    url_option = ("--url", world.gateway.url, "--key", BOSS)
    for address in (f"http://user:{PASSWORD}@127.0.0.1:1", f"http://127.0.0.1:1/?key={PASSWORD}"):
        world.run("backends", "add", address, *url_option)
    world.run("backends", "add", url, "--name", "n11", "--api-key-env", MISPLACED, *url_option)
    world.run("backends", "list", "--url", world.gateway.url, "--key", STRANGER)
    world.run("backends", "list", "--url", f"http://user:{PASSWORD}@127.0.0.1:{world.gateway.port}", "--key", BOSS)


def files(world: World) -> None:
    """Files of the operator with a mistake in them, which is told."""
    good = world.gateway.log_path.parent / "nexus.toml"
    text = good.read_text()
    for mistake in (
        f'[[backends]]\nname = "x"\ntype = "openai"\nurl = "http://u:{PASSWORD}@h"\n',
        f'[[backends]]\nname = "x"\ntype = "openai"\nurl = "u:{PASSWORD}@h"\n',
        f'[[backends]]\nname = "x"\ntype = "openai"\nurl = "http://h"\napi_key = "{MISPLACED}"\n',
        f'[[backends]]\nname = "x"\ntype = "openai"\nurl = "http://h"\napi_key_env = "{MISPLACED}"\n',
        f'[[backends]]\nname = "x"\ntype = "openai"\nurl = "http://h"\napi_key_env = {MISPLACED}\n',
        f'[[backends]]\nname = "x"\ntype = "openai"\nurl = "http://h"\noptions = "{MISPLACED}"\n',
        f'[[backends]]\nname = "x"\ntype = "openai"\nurl = "http://h"\npriority = "{MISPLACED}"\n',
        f'[[backends]]\nname = "x"\ntype = "openai"\nurl = "http://h"\n[backends.options.headers]\nx-token = {HEADER}\n',
        f'[[keys]]\nname = "k"\nhash = "{MISPLACED}"\n',
        f'[[keys]]\nname = "k"\nkey = "{MISPLACED}"\n',
        f'[[keys]]\nname = "k"\nhash = sha256:{MISPLACED}\n',
        f'[server]\ntls_key = "{MISPLACED}\n',
        f'[adapters.allow]\n"x.so" = "{MISPLACED}"\n',
    ):
        good.write_text(text + mistake)
        world.ask("POST", "/v1/admin/reload")
        world.run("config", "check", "--config", str(good))
        everything_shown(world, "/v1/trouble", "/v1/gateway", "/health", "/?parts=trouble")
    good.write_text(text)
    keys = good.parent / "keys.toml"
    keys.write_text(f'[[keys]]\nname = "k"\nhash = "{MISPLACED}"\n')
    world.ask("POST", "/v1/admin/reload")
    world.run("keys", "list", "--config", str(good))
    keys.unlink()
    world.ask("POST", "/v1/admin/reload")


PLANTS: list[Callable[[World], None]] = [
    client_keys,
    keys_in_queries,
    sign_ins,
    broken_requests,
    errors_of_servers,
    commands,
    files,
]

# Where it is looked for

SHOWN = [
    "/", "/sign-in", "/health", "/metrics", "/v1/models", "/v1/models?per_backend=1&all=1", "/api/tags", "/api/ps", "/api/version",
    "/v1/backends", "/v1/backends/box", "/v1/backends/box/detail", "/v1/backends/box/actions", "/v1/actions", "/v1/adapters",
    "/v1/gateway", "/v1/keys", "/v1/audit", "/v1/logs?limit=1000", "/v1/logs?level=trace", "/v1/trouble", "/v1/stats",
    "/v1/series", "/v1/series/compare", "/v1/history", "/v1/history?before=newest&limit=1000", "/v1/history?format=csv",
    "/v1/requests/active",
]  # fmt: skip

SHOWN_BY_COMMANDS = [
    ("backends", "list"), ("backends", "list", "--json"), ("models",), ("health",), ("history",), ("history", "--json"),
    ("history", "--stored", "--jsonl"), ("history", "--stored", "--csv"), ("top", "--once"), ("requests",), ("actions", "list", "box"),
]  # fmt: skip


def everything_shown(world: World, *paths: str) -> None:
    for path in paths or SHOWN:
        world.ask("GET", path)


def commands_shown(world: World) -> None:
    for arguments in SHOWN_BY_COMMANDS:
        world.run(*arguments, "--url", world.gateway.url, NEXUS_KEY=BOSS)


def records(world: World) -> None:
    """Each request with everything that happened to it."""
    world.gateway.http.headers.update(bearer(BOSS))
    ids = [entry["request_id"] for entry in world.gateway.history()[-20:]]
    del world.gateway.http.headers["authorization"]
    for each in ids:
        world.ask("GET", f"/v1/requests/{each}")


def kept(folder: Path) -> dict[str, str | bytes]:
    """Every file that the gateway has written."""
    own = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("nexus.toml", "keys.toml")]
    return {f"the file {path.relative_to(folder)}": path.read_bytes() for path in own}


@pytest.fixture
def world(start, nexus, upstream: Upstream, c_adapters: Path) -> Iterator[World]:
    options = {"flavor": "openai", "headers": {"x-token": HEADER}}
    gateway: Gateway = start(
        CONFIGURATION + backend("box", upstream.url, api_key_env=["BOX_KEY", "BOX_KEY_2"], options=options),
        adapters=(BUILD, c_adapters),
        environment=ENVIRONMENT,
    )
    until(lambda: gateway.json("/health")["status"] == "healthy")
    yield World(gateway, upstream, nexus)


def test_the_search_finds_what_is_there():
    for secret in SECRETS.values():
        for text in (secret, secret[: len(secret) // 2], base64.b64encode(f"user:{secret}".encode()).decode()):
            assert found({"a place": f"x{text}y"})
    assert not found({"a place": "nothing"})


def test_no_secret_that_goes_in_by_any_door_comes_out_anywhere(world: World):
    gateway = world.gateway
    with gateway.socket("?actions=1&updates=trouble&updates=requests", additional_headers=bearer(BOSS)) as live:
        frames: list[str] = []
        for plant in PLANTS:
            plant(world)
            with contextlib.suppress(TimeoutError):
                while True:
                    frames.append(str(live.connection.recv(timeout=0.05)))
    assert len(frames) > 10
    world.note("/ws", "\n".join(frames))
    everything_shown(world)
    records(world)
    commands_shown(world)
    gateway.finish()
    with sqlite3.connect(f"file:{gateway.database}?mode=ro", uri=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [str(row) for table in tables for row in connection.execute(f'SELECT * FROM "{table}"')]  # noqa: S608
    assert len(rows) > 50
    world.note("the rows of the history's file", "\n".join(rows))

    leaks = found({**world.said, **kept(gateway.log_path.parent)})

    assert not leaks, "\n".join(f"{secret}: {place}" for secret, place in leaks)
    assert "box" in gateway.log and re.search(r"\[API key\]|\[secret\]", "".join(map(str, world.said.values())))


def test_a_crash_leaves_no_secret(start, upstream, tmp_path: Path):
    compile_adapter("hostile.c", tmp_path / "hostile.so")
    gateway = start(
        CONFIGURATION + backend("bad", upstream.url, type="hostile", api_key_env="BOX_KEY"),
        adapters=(tmp_path,),
        environment=ENVIRONMENT,
        expect_status=-11,
    )
    until(lambda: gateway.json("/health")["status"] == "healthy")
    with pytest.raises(Exception, match="."):
        gateway.http.post("/v1/chat/completions?key=" + APP, json={"model": "crash", "messages": []}, headers=bearer(APP))
    gateway.process.wait(LONG)

    files = kept(gateway.log_path.parent)
    assert any("/adapters/run-" in name and b"SIGSEGV" in text for name, text in files.items() if isinstance(text, bytes))
    assert not found(files)


def test_what_is_wrong_with_the_files_of_tls_is_told_without_what_is_in_them(nexus, tmp_path: Path):
    (tmp_path / "key.pem").write_text(f"-----BEGIN PRIVATE KEY-----\n{MISPLACED}\n-----END PRIVATE KEY-----\n")
    (tmp_path / "nexus.toml").write_text(
        '[server]\nport = 0\ntls_certificate = "key.pem"\ntls_key = "key.pem"\n[history]\ndatabase = ""\n'
    )
    done = nexus("serve", "--config", "nexus.toml", cwd=tmp_path, XDG_STATE_HOME=str(tmp_path / "state"))

    assert done.returncode == 1 and "does not hold certificates in PEM" in done.stderr
    assert not found({"the log": done.stderr + done.stdout})
