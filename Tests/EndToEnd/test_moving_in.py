"""A configuration of another gateway is taken over, checked, and served."""

import subprocess

import pytest

from gateway import BUILD, TOP
from upstream import ANSWER, Upstream

GOLDEN = TOP / "Tests/ImportTests/Golden"
SOURCES = sorted(path for path in GOLDEN.iterdir() if not path.name.endswith(".nexus.toml"))


def litellm(url: str, key: str = "os.environ/THE_KEY") -> str:
    return f"""
model_list:
  - model_name: gpt-4o
    litellm_params: {{model: openai/m, api_base: "{url}/v1", api_key: {key}}}
router_settings: {{num_retries: 1, redis_host: cache}}
"""


def llama_swap(url: str) -> str:
    return f"""
models:
  m:
    cmd: llama-server --port 1 -m m.gguf
    proxy: "{url}"
    aliases: [gpt-4o]
"""


def olla(url: str) -> str:
    return f"""
server: {{host: localhost, port: 0}}
discovery:
  static:
    endpoints: [{{url: "{url}", name: one, type: openai-compatible, priority: 100, check_interval: 2s}}]
model_aliases: {{gpt-4o: [m]}}
"""


def rust(url: str) -> str:
    return f"""
[server]
host = "127.0.0.1"
[routing.aliases]
"gpt-4o" = "m"
[[backends]]
name = "one"
type = "generic"
url = "{url}"
"""


@pytest.mark.parametrize("source", [litellm, llama_swap, olla, rust])
def test_what_was_taken_over_serves(nexus, start, upstream: Upstream, tmp_path, source):
    (tmp_path / "old").write_text(source(upstream.url))
    imported = nexus("config", "import", "old", "--output", "nexus.toml", cwd=tmp_path)
    assert imported.returncode == 0, imported.stderr

    gateway = start((tmp_path / "nexus.toml").read_text(), environment={"THE_KEY": "sk-test"})
    gateway.wait_for_backend(gateway.json("/v1/backends")["data"][0]["name"])
    answer = gateway.chat("gpt-4o")

    assert answer.status_code == 200 and answer.json() == ANSWER
    asked = upstream.request()
    assert asked.path == "/v1/chat/completions" and asked.json["model"] == "m"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_what_is_written_is_valid(nexus, tmp_path, source):
    imported = nexus("config", "import", str(source), "--output", "new.toml", cwd=tmp_path)
    text = (tmp_path / "new.toml").read_text()
    variables = {
        word.strip('",[]'): "sk-test" for line in text.splitlines() if line.startswith("api_key_env") for word in line.split()[2:]
    }
    checked = nexus("config", "check", "--offline", "--config", "new.toml", "--adapters-dir", str(BUILD), cwd=tmp_path, **variables)

    assert imported.returncode == 0, imported.stderr
    assert checked.returncode == 0, checked.stderr
    assert imported.stdout.splitlines()[-1] == "next: nexus config check --config new.toml"


def test_it_goes_to_standard_output(nexus, tmp_path):
    (tmp_path / "config.yaml").write_text(litellm("http://127.0.0.1:1", "sk-plain"))

    imported = nexus("config", "import", "config.yaml", cwd=tmp_path)

    assert imported.returncode == 0 and "[[backends]]" in imported.stdout
    assert "# litellm: line 5: router_settings.redis_host has no counterpart: Nexus is one process, and keeps no answers" in imported.stdout
    assert "sk-plain" not in imported.stdout + imported.stderr
    assert "set OPENAI_127_0_0_1_API_KEY: its value stands in config.yaml, line 4" in imported.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_a_pipe_is_read(tmp_path):
    command = [str(BUILD / "nexus"), "config", "import", "/dev/stdin"]
    imported = subprocess.run(command, input=olla("http://127.0.0.1:1"), text=True, capture_output=True, timeout=60)

    assert imported.returncode == 0 and 'name = "one"' in imported.stdout


def test_a_file_is_overwritten_only_when_told(nexus, tmp_path):
    (tmp_path / "old.yaml").write_text(olla("http://127.0.0.1:1"))
    (tmp_path / "nexus.toml").write_text("# mine\n")

    refused = nexus("config", "import", "old.yaml", "--output", "nexus.toml", cwd=tmp_path)
    lost = nexus("config", "import", "old.yaml", "--output", "./old.yaml", "--force", cwd=tmp_path)

    assert refused.returncode == 1 and "it is there already; use --force to overwrite it" in refused.stderr
    assert (tmp_path / "nexus.toml").read_text() == "# mine\n"
    assert lost.returncode == 1 and "which would be lost" in lost.stderr
    assert nexus("config", "import", "old.yaml", "--output", "nexus.toml", "--force", cwd=tmp_path).returncode == 0
    assert 'name = "one"' in (tmp_path / "nexus.toml").read_text()


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        (b"a: 1\n", 1, "say so with --from (litellm, llama-swap, olla, nexus-rust)"),
        (b"model_list:\n  - [\n", 1, "old: line 3: this is not YAML"),
        (b"model_list: \xff\n", 1, "old is not UTF-8"),
        (b"model_list:\n" + b"#" * 1_100_000, 1, "old cannot be read"),
    ],
)
def test_what_cannot_be_read_is_told(nexus, tmp_path, text, status, words):
    (tmp_path / "old").write_bytes(text)

    refused = nexus("config", "import", "old", cwd=tmp_path)

    assert refused.returncode == status and words in refused.stderr and refused.stdout == ""


def test_an_unknown_kind_is_a_mistake_of_the_command_line(nexus, tmp_path):
    refused = nexus("config", "import", "old", "--from", "nginx", cwd=tmp_path)

    assert refused.returncode == 2 and "llama-swap" in refused.stderr


def test_a_missing_file_is_told(nexus, tmp_path):
    refused = nexus("config", "import", "none.yaml", cwd=tmp_path)

    assert refused.returncode == 1 and "none.yaml cannot be read" in refused.stderr
