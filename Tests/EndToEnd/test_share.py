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


def test_the_links_between_documents_lead_somewhere(root):
    folder = root / "share/doc/nexus"
    documents = [folder / "README.md", *sorted((folder / "docs").rglob("*.md"))]
    assert len(documents) > 20
    for document in documents:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            # The sources themselves are not installed.
            if re.match(r"(\.\./)*(Sources|Plugins|Tests|templates|benchmarks|dashboard|scripts)(/|$)", target) or "CONTRIBUTING" in target:
                continue
            assert (document.parent / target).exists(), f"{document.relative_to(folder)} links to {target}"


def test_uninstalling_leaves_no_file(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy", symlinks=True)

    subprocess.run([str(TOP / "scripts/uninstall.sh")], env={"PREFIX": str(tmp_path / "copy"), "PATH": "/usr/bin:/bin"}, check=True)

    assert not [path for path in (tmp_path / "copy").rglob("*") if not path.is_dir()]
