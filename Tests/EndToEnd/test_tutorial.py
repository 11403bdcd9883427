"""docs/tutorial-custom-server.md, executed as it is written: every command, and what it says that they print."""

import os
import re
import subprocess

from gateway import BUILD, LONG, TOP, free_port

BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```", re.DOTALL | re.MULTILINE)
MARK = "=== the next block"


def test_the_tutorial_works_as_written(tmp_path):
    blocks = BLOCK.findall((TOP / "docs/tutorial-custom-server.md").read_text())
    ports = {"8055": str(free_port()), "8098": str(free_port())}
    steps = [ported(text, ports) for kind, text in blocks if kind == "sh"]
    script = "set -eu\ntrap 'kill $(jobs -p)' EXIT\n" + f"\necho '{MARK}'\n".join(steps) + "\n"

    # Below another make, make says more than to a person.
    around = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}

    with (tmp_path / "said").open("w") as said:
        subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env={**around, "PATH": f"{BUILD}:{os.environ['PATH']}", "NEXUS_SHARE": str(TOP), "CFLAGS": "-O0"},
            stdout=said,
            stderr=subprocess.STDOUT,
            timeout=LONG,
        )

    text = (tmp_path / "said").read_text()
    outputs = text.split(f"{MARK}\n")
    assert len(outputs) == len(steps), text
    index = -1
    for kind, text in blocks:
        if kind == "sh":
            index += 1
            continue
        lines = outputs[index].splitlines()
        for expected in ported(text, ports).splitlines():
            pattern = ".*".join(re.escape(part) for part in expected.split("..."))
            assert any(re.fullmatch(pattern, line) for line in lines), f"{expected}\nis not in\n{outputs[index]}"


def ported(text: str, ports: dict[str, str]) -> str:
    for written, free in ports.items():
        text = text.replace(written, free)
    return text
