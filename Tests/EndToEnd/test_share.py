"""What `make install` brings for authors: the header, the bindings, documentation, and examples that build where they lie."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway import TOP


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("installed")
    subprocess.run([str(TOP / "scripts/install-share.sh"), str(root)], check=True)
    return root


def test_the_header_and_the_bindings_are_there(root):
    assert "nexus_adapter_v1" in (root / "include/nexus_plugin.h").read_text()
    assert "pub const nexus_host = extern struct" in (root / "share/nexus/zig/nexus_plugin.zig").read_text()
    assert "pub struct nexus_host" in (root / "share/nexus/rust/nexus_plugin.rs").read_text()


@pytest.mark.parametrize("language", ["c", pytest.param("rust", marks=pytest.mark.skipif(shutil.which("rustc") is None, reason="rustc is not installed"))])
def test_an_example_builds_without_the_sources_of_nexus(root, tmp_path, language):
    place = tmp_path / "example"
    shutil.copytree(root / "share/nexus/examples" / language, place)

    built = subprocess.run(["make"], cwd=place, text=True, capture_output=True)

    assert built.returncode == 0 and list(place.glob("build/*.so")), built.stderr


@pytest.mark.parametrize("language", ["c", "rust"])
def test_an_example_finds_its_parts_by_a_variable_or_says_how(root, tmp_path, language):
    place = tmp_path / "examples" / language
    shutil.copytree(TOP / "examples" / language, place, ignore=shutil.ignore_patterns("build"))

    alone = subprocess.run(["make"], cwd=place, text=True, capture_output=True)
    assert alone.returncode == 2 and "make ROOT=" in alone.stderr and len(alone.stderr.splitlines()) == 1, alone.stderr

    for given in (TOP, root / "share/nexus"):
        # What would be done: compilers are asked elsewhere.
        told = subprocess.run(["make", "-n", f"ROOT={given}"], cwd=place, text=True, capture_output=True)
        assert told.returncode == 0 and str(given) in told.stdout, told.stderr


def test_the_tutorial_finds_its_example_where_nexus_is_installed(root, tmp_path):
    """Also where the program is called by a link."""
    written = (TOP / "docs/tutorial-custom-server.md").read_text()
    commands = written[written.index("```sh\n") + len("```sh\n") : written.index("python3 parrot.py")]
    (tmp_path / "links").mkdir()
    program = tmp_path / "links/nexus"
    program.symlink_to(root / "bin/nexus")
    (root / "bin").mkdir()
    shutil.copy("/bin/true", root / "bin/nexus")
    try:
        subprocess.run(["bash", "-euc", commands], cwd=tmp_path, env={"PATH": f"{program.parent}:/usr/bin:/bin"}, check=True)
    finally:
        shutil.rmtree(root / "bin")

    assert (tmp_path / "parrot.py").exists()


def test_the_links_of_documents_lead_somewhere(root):
    folder = root / "share/doc/nexus"
    documents = sorted(folder.rglob("*.md"))
    assert len(documents) > 20
    dead = []
    for document in documents:
        text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)", text):
            if not (document.parent / target).exists():
                dead.append(f"{document.relative_to(folder)}: {target}")
    assert dead == []


def test_links_lead_to_where_a_file_was_installed_and_become_words_where_it_was_not(root):
    guide = (root / "share/doc/nexus/docs/writing-an-adapter.md").read_text()
    assert "[`nexus_plugin.h`](../../../../include/nexus_plugin.h)" in guide
    assert "[`nexus_plugin.rs`](../../../nexus/rust/nexus_plugin.rs)" in guide
    assert "The shipped ones are in `Plugins`." in guide
    assert "[`examples/c`](../examples/c/completion.c)" in guide


def test_uninstalling_leaves_no_file(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy", symlinks=True)

    subprocess.run([str(TOP / "scripts/uninstall.sh")], env={"PREFIX": str(tmp_path / "copy"), "PATH": "/usr/bin:/bin"}, check=True)

    assert not [path for path in (tmp_path / "copy").rglob("*") if not path.is_dir()]
