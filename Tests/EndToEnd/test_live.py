"""Live updates: /ws."""

import json
import socket

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway import FAST, LONG, backend
from upstream import Upstream


PICTURES, DELTAS = "", "?updates=deltas"


@pytest.fixture
def gateway(start, upstream):
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


@pytest.mark.parametrize("query", [PICTURES, DELTAS])
def test_the_first_thing_a_page_gets_is_how_all_backends_stand(gateway, query):
    with gateway.socket(query) as live:
        views = live.until("BackendStatus")

    assert [view["name"] for view in views] == ["one"]
    view = views[0]
    assert set(view) >= {
        "id", "name", "url", "backend_type", "status", "last_health_check", "last_error", "models", "priority",
        "pending_requests", "total_requests", "avg_latency_ms", "discovery_source", "metadata",
    }
    assert view["status"] == "Healthy" and view["last_error"] is None and view["backend_type"] == "openai"
    assert [model["id"] for model in view["models"]] == ["m"]


def test_every_subscriber_is_told_of_every_exchange(gateway):
    with gateway.socket(PICTURES) as first, gateway.socket(DELTAS) as second:
        first.next(), second.next()
        for model in ["m", "unknown", "m"]:
            gateway.chat(model)
        for live in (first, second):
            assert [live.entry()["model"] for _ in range(3)] == ["m", "unknown", "m"]


def test_a_page_that_was_away_gets_what_it_missed(gateway):
    for number in range(5):
        gateway.chat(f"model-{number}")
    known = gateway.history()[1]["seq"]

    with gateway.socket(f"?after={known}") as live:
        assert [live.entry()["model"] for _ in range(3)] == ["model-2", "model-3", "model-4"]
        gateway.chat("next")
        assert live.entry()["model"] == "next"


def test_each_status_to_a_plain_subscriber_holds_all_backends(start, upstream, second_upstream):
    """A page that replaces its cards with each of them never shows fewer."""
    fleet = FAST + "".join(backend(name, upstream.url) for name in ("one", "two", "three"))
    gateway = start(fleet)
    for name in ("one", "two", "three"):
        gateway.wait_for_backend(name)

    with gateway.socket(PICTURES) as live:

        def cards(*wanted, last=None):
            """All cards of each message, until they are the wanted ones and `last` is the status of the last of them."""
            seen = set()
            while True:
                update = live.next()
                assert update["update_type"] in ("BackendStatus", "ModelChange", "RequestComplete")
                if update["update_type"] == "BackendStatus":
                    assert not any("removed" in view for view in update["data"])
                    names = tuple(view["name"] for view in update["data"])
                    seen.add(names)
                    if names == wanted and (last is None or update["data"][-1]["status"] == last):
                        return seen

        three, four = ("one", "two", "three"), ("one", "two", "three", "four")
        assert cards(*three) == {three}
        reload(gateway, fleet + backend("four", second_upstream.url))
        assert cards(*four, last="Healthy") <= {three, four}
        second_upstream.fail_probes()
        assert cards(*four, last="Unhealthy") == {four}
        reload(gateway, fleet)
        assert cards(*three) <= {three, four}


def reload(gateway, configuration):
    (gateway.log_path.parent / "nexus.toml").write_text(configuration)
    assert gateway.http.post("/v1/admin/reload").json()["status"] == "reloaded"


def test_a_fleet_too_large_for_one_message_loses_models_but_no_backend(start, upstream):
    upstream.models(*[f"model-{number:04}" for number in range(15)])
    fleet = [f"backend-{number}" for number in range(12)]
    gateway = start("".join(backend(name, upstream.url) for name in fleet))
    for name in fleet:
        gateway.wait_for_backend(name)

    with gateway.socket(PICTURES) as live:
        views = live.until("BackendStatus")

    assert [view["name"] for view in views] == fleet
    assert all(len(view["models"]) + view.get("truncated", {}).get("models", 0) == 15 for view in views)
    assert any(view.get("truncated") for view in views)


def test_whoever_merges_gets_a_large_fleet_in_several_messages(start, upstream):
    upstream.models(*[f"model-{number:04}" for number in range(15)])
    fleet = [f"backend-{number}" for number in range(20)]
    gateway = start("".join(backend(name, upstream.url) for name in fleet))
    for name in fleet:
        gateway.wait_for_backend(name)

    seen = {}
    with gateway.socket(DELTAS) as live:
        while len(seen) < len(fleet):
            for view in live.until("BackendStatus"):
                seen[view["name"]] = len(view["models"])

    assert seen == dict.fromkeys(fleet, 15)


@pytest.mark.parametrize("query", [PICTURES, DELTAS])
def test_a_backend_too_large_for_one_message_says_what_it_leaves_out(start, upstream, query):
    upstream.models(*[f"model-{number:05}-with-a-rather-long-name" for number in range(2000)])
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")

    with gateway.socket(query) as live:
        view = live.until("BackendStatus")[0]

    assert view["truncated"] and len(view["models"]) < 2000
    assert len(gateway.json("/v1/models")["data"]) == 2000


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_page_of_another_site_may_not_listen(gateway, origin):
    with pytest.raises(InvalidStatus) as caught, gateway.socket(origin=origin):
        pass

    assert caught.value.response.status_code == 403
    assert json.loads(caught.value.response.body)["error"]["code"] == "origin_not_allowed"


def test_only_the_gateways_own_page_may(start, upstream):
    """Of a socket a browser does not ask who may read it: pages of configured origins use the clients' APIs alone."""
    gateway = start('[server]\nallowed_origins = ["https://ops.example"]\n')
    with gateway.socket(origin=gateway.url) as live:
        assert live.next()["update_type"] == "BackendStatus"
    with pytest.raises(InvalidStatus) as caught, gateway.socket(origin="https://ops.example"):
        pass
    assert caught.value.response.status_code == 403


def test_without_an_upgrade_the_path_says_what_it_speaks(gateway):
    answer = gateway.get("/ws")

    assert answer.status_code == 400 and "WebSocket" in answer.json()["error"]["message"]


def test_what_a_client_says_is_ignored(gateway):
    with gateway.socket() as live:
        live.next()
        live.connection.send("hello")
        live.connection.send(b"\x00\x01")
        live.connection.ping().wait(LONG)
        gateway.chat()
        assert live.entry()["model"] == "m"


def test_a_frozen_subscriber_costs_little_and_gets_a_fresh_picture_later(gateway):
    """It reads nothing while ten thousand exchanges end; then it gets the state of things, not a backlog."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", gateway.port))
    with gateway.socket(sock=narrow, max_queue=1) as frozen, gateway.socket() as live:
        frozen.next(), live.next()
        before = gateway.resident_kib()
        flood(gateway, 10_000)
        assert live.entry(lambda entry: entry["model"] == "last")
        assert gateway.resident_kib() - before < 32 * 1024
        read = 1
        while frozen.entry()["model"] != "last":
            read += 1

    assert read < 10_000
    assert gateway.metric("nexus_websocket_updates_skipped_total") > 0


def flood(gateway, count):
    """Exchanges that end at once, as fast as they can be sent, and at last one of the model "last"."""

    def request(model):
        body = json.dumps({"model": model}).encode()
        return b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body

    with gateway.connection() as connection:
        reader = connection.makefile("rb")
        for _ in range(count // 100):
            connection.sendall(request("x" * 250) * 100)
            for _ in range(100):
                skip_answer(reader)
        connection.sendall(request("last"))
        skip_answer(reader)


def skip_answer(reader):
    length = 0
    while (line := reader.readline()) != b"\r\n":
        if line.startswith(b"content-length: "):
            length = int(line.split()[1])
    reader.read(length)


def test_a_subscriber_is_told_that_the_gateway_goes_away(gateway):
    with gateway.socket() as live:
        live.next()
        gateway.signal()
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                live.next()

    assert caught.value.rcvd.code == 1001 and gateway.wait() == 0


def test_updates_of_many_backends_arrive_while_one_is_slow(start, upstream):
    slow = Upstream()
    slow.on("/v1/models", lambda exchange: exchange.wait_until_closed())
    gateway = start("[health_check]\ntimeout_seconds = 1\n" + backend("slow", slow.url) + backend("one", upstream.url))

    gateway.wait_for_backend("one")
    view = gateway.wait_for_backend("slow", "Unhealthy")

    assert "in time" in view["last_error"]
    slow.close()
