"""The history on disk: what survives, and what happens when the disk does not play along."""

import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest

from gateway import BUILD, FAST, LONG, Gateway, backend, until


def rows(gateway: Gateway) -> int:
    if not gateway.database.exists():
        return 0
    with sqlite3.connect(f"file:{gateway.database}?mode=ro", uri=True, timeout=10) as connection:
        try:
            return connection.execute("SELECT count(*) FROM requests").fetchone()[0]
        except sqlite3.OperationalError:
            return 0


def configuration(upstream, more: str = "") -> str:
    return FAST + more + backend("one", upstream.url)


def trouble(gateway: Gateway) -> list[str]:
    return [item["words"] for item in gateway.json("/v1/trouble")["data"] if item["kind"] == "history_file"]


def again(folder: Path, text: str, **options) -> Gateway:
    """A gateway in the folder of one that has ended."""
    return Gateway(folder, text, **options)


def history(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BUILD / "nexus", "history", *options], capture_output=True, text=True, timeout=LONG)


def test_requests_and_totals_come_back(tmp_path, upstream):
    text = configuration(upstream)
    first = again(tmp_path, text)
    first.wait_for_backend("one")
    for _ in range(3):
        first.chat()
    first.chat("unknown")
    first.finish()

    second = again(tmp_path, text)
    second.wait_for_backend("one")
    try:
        stats = second.json("/v1/stats")
        assert stats["requests"] == {"total": 4, "success": 3, "errors": 1, **{
            key: value for key, value in stats["requests"].items() if key not in ("total", "success", "errors")}}
        assert [item["requests"] for item in stats["backends"]] == [3]
        assert second.history() == [], "the list in memory is that of this run"
        second.chat()
        until(lambda: rows(second) == 5)
        page = second.json("/v1/history?before=newest&limit=2")
        assert len(page["data"]) == 2
        rest = second.json(f"/v1/history?before={page['next_before']}")
        assert len(rest["data"]) == 3 and rest["next_before"] is None
        assert len({entry["request_id"] for entry in page["data"] + rest["data"]}) == 5
        errors = second.json("/v1/history?before=newest&status=Error")["data"]
        assert [entry["model"] for entry in errors] == ["unknown"]
        assert second.get("/v1/history?before=yesterday").status_code == 400
    finally:
        second.finish()


@pytest.mark.parametrize("seed", range(int(os.environ.get("NEXUS_KILLS", "3"))))
def test_a_kill_loses_no_more_than_the_last_second(tmp_path, upstream, seed):
    chance = random.Random(seed)
    gateway = again(tmp_path, configuration(upstream), expect_status=-signal.SIGKILL)
    gateway.wait_for_backend("one")
    done: list[float] = []
    stop = threading.Event()

    def load() -> None:
        with httpx.Client(base_url=gateway.url, timeout=LONG) as client:
            while not stop.is_set():
                try:
                    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
                    if client.post("/v1/chat/completions", json=body).status_code == 200:
                        done.append(time.monotonic())
                except httpx.HTTPError:
                    return

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: len(done) >= 5)
    time.sleep(chance.uniform(0, 1.5))
    killed = time.monotonic()
    gateway.process.kill()
    stop.set()
    for thread in threads:
        thread.join()
    gateway.finish()

    with sqlite3.connect(gateway.database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        kept = connection.execute("SELECT count(*) FROM requests WHERE failed = 0").fetchone()[0]
    # On a busy machine the store's thread may come late; what is lost is what it had not got to.
    allowance = float(os.environ.get("NEXUS_KILL_SECONDS", "5"))
    assert kept >= sum(moment < killed - allowance for moment in done)
    assert kept <= len(done) + 2

    second = again(tmp_path, configuration(upstream))
    try:
        assert trouble(second) == []
        assert second.json("/v1/stats")["requests"]["total"] >= kept
    finally:
        second.finish()


def test_a_deleted_file_is_made_anew(start, upstream):
    gateway = start(configuration(upstream))
    gateway.wait_for_backend("one")
    gateway.chat()
    until(lambda: rows(gateway) == 1)

    shutil.rmtree(gateway.database.parent)
    gateway.chat()

    until(lambda: rows(gateway) == 1)
    gateway.wait_for_log("has been deleted")
    until(lambda: not trouble(gateway))


def test_a_folder_that_cannot_be_written_turns_it_off_until_it_can(start, upstream, tmp_path):
    blocker = tmp_path / "blocker"
    blocker.write_text("a file where the folder should be")
    gateway = start(configuration(upstream, f'[history]\ndatabase = "{blocker}/history.db"\n'))
    gateway.wait_for_backend("one")

    assert gateway.chat().status_code == 200
    until(lambda: len(trouble(gateway)) == 1)
    assert "The history is not kept on disk" in trouble(gateway)[0]
    assert gateway.json("/health")["status"] == "degraded" and gateway.get("/health").status_code == 200
    assert gateway.get("/v1/history?before=newest").status_code == 503

    blocker.unlink()
    until(lambda: not trouble(gateway))
    gateway.database = blocker / "history.db"
    until(lambda: rows(gateway) == 1)
    gateway.wait_for_log("again")


def test_another_process_that_locks_it_delays_it(start, upstream):
    gateway = start(configuration(upstream))
    gateway.wait_for_backend("one")
    gateway.chat()
    until(lambda: rows(gateway) == 1)

    other = sqlite3.connect(gateway.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert gateway.chat().status_code == 200
    until(lambda: any("locked" in words for words in trouble(gateway)))
    other.execute("COMMIT")
    other.close()
    until(lambda: rows(gateway) == 2 and not trouble(gateway))


def test_a_file_of_a_newer_version_is_left_alone(tmp_path, upstream):
    first = again(tmp_path, configuration(upstream))
    first.finish()
    with sqlite3.connect(first.database) as connection:
        connection.execute("PRAGMA user_version = 99")

    second = again(tmp_path, configuration(upstream))
    second.wait_for_backend("one")
    try:
        assert second.chat().status_code == 200
        until(lambda: any("newer version" in words for words in trouble(second)))
    finally:
        second.finish()
    assert rows(second) == 0


def test_what_is_no_database_is_left_alone(start, upstream, tmp_path):
    file = tmp_path / "letters.db"
    file.write_bytes(b"dear reader " * 1000)
    gateway = start(configuration(upstream, f'[history]\ndatabase = "{file}"\n'))

    until(lambda: any("damaged or no database" in words for words in trouble(gateway)))
    assert file.read_bytes() == b"dear reader " * 1000


def test_a_second_gateway_on_the_same_file_says_so_and_serves(start, upstream, tmp_path):
    text = configuration(upstream, f'[history]\ndatabase = "{tmp_path}/shared.db"\n')
    first, second = start(text), start(text)
    second.wait_for_backend("one")

    assert second.chat().status_code == 200
    until(lambda: any(f"another gateway keeps its history there (process {first.process.pid})" in words
                      for words in trouble(second)))
    assert trouble(first) == []


def test_a_full_disk_turns_it_off_until_there_is_room(start, upstream, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        ballast, rest = disk / "ballast", disk / "rest"
        ballast.write_bytes(bytes(1 << 20))
        gateway = start(configuration(upstream, f'[history]\ndatabase = "{disk}/history.db"\n'))
        gateway.wait_for_backend("one")
        gateway.database = disk / "history.db"
        gateway.chat()
        until(lambda: rows(gateway) == 1)
        try:
            with rest.open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)
        except OSError:
            pass

        def is_off() -> bool:
            assert gateway.chat().status_code == 200
            return any("full" in words for words in trouble(gateway))

        until(is_off)
        ballast.unlink(missing_ok=True)
        until(lambda: not trouble(gateway))
        total = gateway.json("/v1/stats")["requests"]["total"]
        until(lambda: rows(gateway) == total)
        gateway.finish()
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


def test_nothing_is_kept_if_that_is_not_wanted(start, upstream):
    gateway = start(configuration(upstream, '[history]\ndatabase = ""\n'))
    gateway.wait_for_backend("one")
    gateway.chat()

    assert not gateway.database.exists() and trouble(gateway) == []
    assert gateway.get("/v1/history?before=newest").status_code == 503


def test_the_file_can_be_read_without_a_gateway_and_beside_one(tmp_path, upstream):
    gateway = again(tmp_path, configuration(upstream))
    gateway.wait_for_backend("one")
    for _ in range(3):
        gateway.chat()
    gateway.chat("unknown")
    until(lambda: rows(gateway) == 4)
    beside = json.loads(history("--database", str(gateway.database), "--json").stdout)
    stored = json.loads(history("--url", gateway.url, "--stored", "--json").stdout)
    assert beside == stored == gateway.history()
    gateway.finish()

    file = str(gateway.database)
    lines = history("--database", file, "--jsonl", "--status", "4xx").stdout.splitlines()
    assert [json.loads(line)["model"] for line in lines] == ["unknown"]
    table = history("--database", file, "--csv").stdout.splitlines()
    assert table[0].startswith("time,request_id") and len(table) == 5
    assert len(history("--database", file, "--limit", "2").stdout.splitlines()) == 3, "and the names of the columns"
    assert "no such file" in history("--database", str(tmp_path / "none.db")).stderr


def test_what_keys_have_used_and_what_the_router_has_learnt_come_back(tmp_path, upstream, second_upstream):
    secret = "nx-of-the-application"
    hashed = hashlib.sha256(secret.encode()).hexdigest()
    text = (
        FAST + backend("one", upstream.url) + backend("two", second_upstream.url)
        + f'[[keys]]\nname = "app"\nhash = "sha256:{hashed}"\nrequests_per_day = 4\n'
    )
    fields = {"authorization": f"Bearer {secret}"}

    def chat(gateway: Gateway) -> httpx.Response:
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        return gateway.http.post("/v1/chat/completions", json=body, headers=fields)

    def times(gateway: Gateway) -> list[float]:
        answer = gateway.http.post("/v1/explain", json={"model": "m", "stream": True}).json()
        return [candidate["ttft_ms"] for target in answer["targets"] for candidate in target["candidates"]]

    first = again(tmp_path, text)
    first.wait_for_backend("one")
    first.wait_for_backend("two")
    for _ in range(3):
        assert chat(first).status_code == 200
    learnt = [time for time in times(first) if time]
    first.finish()
    assert learnt

    second = again(tmp_path, text)
    try:
        second.wait_for_backend("one")
        second.wait_for_backend("two")
        usage = second.json("/v1/keys")["data"][0]["usage"]
        assert usage["requests"] == 3 and usage["requests_in_day"] == 3 and usage["completion_tokens"] > 0
        assert second.metric('nexus_key_requests_total{key="app"}') == 3
        assert any(times(second)), "what was learnt of the times until answers begin"
        assert chat(second).status_code == 200
        refused = chat(second)
        assert refused.status_code == 429 and "4 requests a day" in refused.text
    finally:
        second.finish()


def test_figures_of_a_week_and_a_month_are_those_of_all_runs(tmp_path, upstream):
    text = configuration(upstream)
    for _ in range(2):
        gateway = again(tmp_path, text)
        gateway.wait_for_backend("one")
        gateway.chat()
        gateway.chat("unknown")
        gateway.finish()

    last = again(tmp_path, text)
    try:
        for window, steps, seconds in [("day", 48, 1800), ("week", 84, 7200), ("month", 120, 21600)]:
            answer = last.json(f"/v1/series?window={window}")
            assert (answer["window"], answer["step_seconds"], len(answer["awake_seconds"])) == (window, seconds, steps)
            row = answer["series"][0]
            assert row["requests"] == 4 and sum(value or 0 for value in row["values"]["errors"]) == 2
            assert row["values"]["requests"][0] is None, "nothing was kept then"
            assert any(value is not None for value in row["values"]["duration_p95_ms"])
        models = last.json("/v1/series?window=week&by=model&metrics=requests")["series"]
        assert [(row["model"], row["rest"], row["requests"]) for row in models] == [("m", False, 2), (None, True, 2)]
        assert last.json("/v1/series?window=week&backend=one")["series"][0]["requests"] == 2
        assert last.get("/v1/series?window=week&backend=gone").status_code == 404
        assert "day, week or month" in last.get("/v1/series?window=year").json()["error"]["message"]
    finally:
        last.finish()


def test_figures_of_a_week_need_the_file(start, upstream):
    gateway = start(configuration(upstream, '[history]\ndatabase = ""\n'))

    answer = gateway.get("/v1/series?window=week")
    assert answer.status_code == 503
    assert "[history] database" in answer.json()["error"]["message"]


def test_a_request_of_an_earlier_run_is_still_told(tmp_path, upstream):
    text = configuration(upstream)
    first = again(tmp_path, text)
    first.wait_for_backend("one")
    first.http.post(
        "/v1/chat/completions", json={"model": "m", "messages": []}, headers={"x-request-id": "the-one-i-mean"})
    first.finish()

    second = again(tmp_path, text)
    try:
        told = second.json("/v1/requests/the-one-i-mean")
        assert told["state"] == "ended" and told["record"]["request_id"] == "the-one-i-mean"
        assert told["record"]["backend_id"] == "one" and told["events"] == [] and told["request_bytes"] > 0
        assert second.get("/v1/requests/another").status_code == 404
        assert second.get("/v1/requests/the-one-i-mean?seq=4000").status_code == 404
    finally:
        second.finish()


def test_a_read_only_file_turns_it_off_until_it_can_be_written(start, upstream, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        gateway = start(configuration(upstream, f'[history]\ndatabase = "{disk}/history.db"\n'))
        gateway.wait_for_backend("one")
        gateway.chat()
        # Not read here: whoever has the file open keeps the file system from becoming read-only.
        until(lambda: len(gateway.json("/v1/history?before=newest")["data"]) == 1)
        gateway.finish()

        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        gateway = start(configuration(upstream, f'[history]\ndatabase = "{disk}/history.db"\n'))
        gateway.wait_for_backend("one")
        assert gateway.chat().status_code == 200
        until(lambda: any("read-only" in words for words in trouble(gateway)))
        assert gateway.json("/health")["status"] == "degraded"
        gateway.wait_for_log("read-only")

        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        until(lambda: not trouble(gateway))
        until(lambda: len(gateway.json("/v1/history?before=newest")["data"]) == 2)
        assert gateway.json("/v1/stats")["requests"]["total"] == 2, "the totals of the file and of this run"
        gateway.finish()
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


def audit(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BUILD / "nexus", "audit", *options], capture_output=True, text=True, timeout=LONG)


def test_what_operators_have_done_is_kept_with_the_history(tmp_path, upstream):
    canary = "sk-canary-of-the-audit"
    text = configuration(upstream)
    first = again(tmp_path, text)
    first.wait_for_backend("one")
    assert first.http.post(f"/v1/admin/reload?api_key={canary}&allow_empty=1").status_code == 200
    body = {"name": "mine", "type": "openai", "url": upstream.url, "options": {"api_key": canary}}
    first.http.post("/v1/backends", json=body)
    assert first.http.post("/v1/backends/gone/drain").status_code == 404
    first.finish()

    second = again(tmp_path, text)
    try:
        assert second.json("/v1/audit")["data"] == [], "the list in memory is that of this run"
        page = second.json("/v1/audit?before=newest&limit=2")
        assert [item["command"] for item in page["data"]] == ["POST /v1/backends/gone/drain", "POST /v1/backends"]
        newest = page["data"][0]
        assert newest["client"] == "127.0.0.1" and newest["status"] == 404 and "gone" in newest["problem"]
        rest = second.json(f"/v1/audit?before={page['next_before']}")
        assert [item["command"] for item in rest["data"]] == ["POST /v1/admin/reload?allow_empty=1&(1 not shown)"]
        assert rest["next_before"] is None
        assert second.get("/v1/audit?before=x").status_code == 400
        assert second.get("/v1/audit?limit=0").status_code == 400
        assert second.get("/v1/audit?from=1").status_code == 400
        stored = json.loads(audit("--url", second.url, "--stored", "--json").stdout)
        beside = json.loads(audit("--database", str(second.database), "--json").stdout)
        assert stored == beside and len(stored) == 3
        table = audit("--url", second.url, "--stored", "--limit", "1").stdout
        assert "POST /v1/backends/gone/drain" in table and "404" in table and "reload" not in table
        until(lambda: rows(second) == 0)
    finally:
        second.finish()
    for file in second.database.parent.glob("history.db*"):
        assert canary.encode() not in file.read_bytes(), file.name
