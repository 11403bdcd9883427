"""The guard of the ABI lets pass what only adds, and names everything else."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]


class Checkout:
    """A copy of the header and of the recorded layouts, to be changed."""

    def __init__(self, folder: Path) -> None:
        self.header = folder / "nexus_plugin.h"
        self.recorded = folder / "abi"
        shutil.copy(TOP / "Sources/PluginAPI/include/nexus_plugin.h", self.header)
        shutil.copytree(TOP / "Sources/PluginAPI/abi", self.recorded)

    def change(self, old: str, new: str) -> None:
        text = self.header.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the header"
        self.header.write_text(text.replace(old, new))

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(TOP / "scripts/abi.py"), "--header", str(self.header)]
        command += ["--recorded", str(self.recorded), *arguments]
        return subprocess.run(command, text=True, capture_output=True)

    def refused(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 1, done.stdout
        return done.stderr

    def raise_minor(self) -> None:
        self.set_minor(self.minor + 1)

    @property
    def minor(self) -> int:
        found = re.search(r"#define NEXUS_ABI_MINOR (\d+)u", self.header.read_text())
        assert found
        return int(found.group(1))

    def set_minor(self, minor: int) -> None:
        self.change(f"#define NEXUS_ABI_MINOR {self.minor}u", f"#define NEXUS_ABI_MINOR {minor}u")

    def dump(self, minor: int) -> Path:
        return self.recorded / f"1.{minor}.txt"

    def append_to_outcome(self) -> None:
        field = "  uint64_t completion_us;     /* microseconds it generated, as it told; 0: it did not */\n"
        self.change(field, field + "  uint64_t reasoning_tokens;\n")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_header_as_it_is_passes(checkout):
    assert checkout.run().returncode == 0


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            "  uint64_t context_length;    /* tokens; 0: unknown */\n  uint64_t max_output_tokens;",
            "  uint64_t max_output_tokens; /* tokens; 0: unknown */\n  uint64_t context_length;",
            "struct nexus_model: `40 8 context_length uint64_t` has become `40 8 max_output_tokens uint64_t`",
        ),
        ("  double latency_ms; ", "  float latency_ms; ", "struct nexus_health: `8 8 latency_ms double` has become `8 4 latency_ms float`"),
        ("  uint32_t capabilities; ", "  int32_t capabilities; ", "`4 4 capabilities uint32_t` has become `4 4 capabilities int32_t`"),
        ("#define NEXUS_STALE (-2)", "#define NEXUS_STALE (-12)", "it was `constant NEXUS_STALE -2`, now it is `constant NEXUS_STALE -12`"),
        ("#define NEXUS_LOADING 3u", "#define NEXUS_WARMING 3u", "constant NEXUS_LOADING was removed"),
        ("  uint64_t completion_us; ", "  /* gone */ ", "struct nexus_outcome: the field `48 8 completion_us uint64_t` was removed"),
        ("typedef uint64_t nexus_timer;", "typedef uint32_t nexus_timer;", "type nexus_timer was changed"),
        ("  void (*destroy)(void *instance);", "  void (*destroy)(void *instance, uint32_t why);", "has become `104 8 destroy void (*)(void *, uint32_t)`"),
        ("(*nexus_posted)(void *user, nexus_task task, ", "(*nexus_posted)(void *user, ", "type nexus_posted was changed"),
    ],
    ids=["moved", "type", "sign", "constant", "constant removed", "field removed", "typedef", "function", "function type"],
)  # fmt: skip
def test_a_change_is_refused_whatever_the_minor_version(checkout, old, new, reason):
    checkout.change(old, new)
    assert reason in checkout.refused()

    checkout.raise_minor()
    assert reason in checkout.refused()
    assert reason in checkout.refused("--record") and not checkout.dump(checkout.minor).exists()


def test_the_names_of_parameters_are_free(checkout):
    checkout.change("void (*destroy)(void *instance);", "void (*destroy)(void *it);")

    assert checkout.run().returncode == 0


def test_an_appended_field_needs_a_raised_minor_version(checkout):
    checkout.append_to_outcome()

    message = checkout.refused()

    assert "struct nexus_outcome: the field `56 8 reasoning_tokens uint64_t` is new" in message
    assert "raise NEXUS_ABI_MINOR" in message


def test_an_appended_field_passes_once_the_new_minor_version_is_recorded(checkout):
    checkout.append_to_outcome()
    checkout.raise_minor()

    assert f"no layout of ABI 1.{checkout.minor} is recorded" in checkout.refused()
    assert checkout.run("--record").returncode == 0
    assert checkout.run().returncode == 0


def test_a_recorded_layout_is_never_overwritten(checkout):
    before = checkout.dump(checkout.minor).read_text()
    checkout.append_to_outcome()

    assert "never overwritten" in checkout.refused("--record")
    assert checkout.dump(checkout.minor).read_text() == before


def test_a_lowered_minor_version_is_refused(checkout):
    minor = checkout.minor
    checkout.raise_minor()
    checkout.run("--record")
    checkout.set_minor(minor)

    assert f"the header states 1.{minor}, but 1.{minor + 1} is recorded" in checkout.refused()


def test_a_struct_without_its_size_cannot_grow(checkout):
    checkout.change("  nexus_str name; /* an RFC 9110 token */\n  nexus_str value;\n",
                    "  nexus_str name; /* an RFC 9110 token */\n  nexus_str value;\n  uint64_t flags;\n")  # fmt: skip
    checkout.raise_minor()

    assert "struct nexus_header has no struct_size, so it can never grow" in checkout.refused()


def test_a_limit_may_be_raised_with_the_minor_version_but_never_lowered(checkout):
    old = "#define NEXUS_LIMIT_TIMERS 16u"
    checkout.change(old, "#define NEXUS_LIMIT_TIMERS 32u")
    assert "constant NEXUS_LIMIT_TIMERS was changed" in checkout.refused()

    checkout.raise_minor()
    assert checkout.run("--record").returncode == 0 and checkout.run().returncode == 0

    checkout.change("#define NEXUS_LIMIT_TIMERS 32u", "#define NEXUS_LIMIT_TIMERS 8u")
    assert "was lowered from" in checkout.refused()


def test_a_list_of_names_may_gain_some_but_lose_none(checkout):
    checkout.change("openai-* traceparent tracestate user-agent", "openai-* traceparent user-agent x-trace")
    checkout.raise_minor()
    assert "NEXUS_HEADERS_OF_CLIENTS has lost tracestate" in checkout.refused("--record")

    checkout.change("traceparent user-agent x-trace", "traceparent tracestate user-agent x-trace")
    assert checkout.run("--record").returncode == 0 and checkout.run().returncode == 0


def test_a_field_in_the_padding_of_an_older_struct_is_refused(checkout):
    """An older side's struct_size covers the padding, so a reader would take what happens to be in it."""
    tail = "  uint32_t flags;         /* NEXUS_HTTP_END_... bits */\n"
    end = "} nexus_http_end;\n"
    checkout.change(tail + "  uint32_t reserved;\n" + end, tail + end)
    for dump in checkout.recorded.glob("*.txt"):
        dump.unlink()
    assert checkout.run("--record").returncode == 0
    checkout.change(tail + end, tail + "  uint32_t more;\n" + end)
    checkout.raise_minor()

    assert "the new field `44 4 more uint32_t` lies in the padding" in checkout.refused()


def test_a_function_without_a_thread_mark_is_named(checkout):
    checkout.change("the place to free it. [loop] */", "the place to free it. */")

    message = checkout.refused()

    assert "nexus_http_handlers.on_end has no comment that says on which thread it is called" in message
    assert "on_body" not in message


def test_a_header_that_is_no_cpp_is_refused(checkout):
    checkout.change("typedef uint64_t nexus_task;", "typedef uint64_t nexus_task;\ntypedef int32_t class;")

    assert "-std=c++17" in checkout.refused()
