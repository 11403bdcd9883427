"""A collector of OpenTelemetry's that takes OTLP over HTTP in JSON, and nothing that the protocol does not have."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from gateway import until


class Span:
    """One span as the protocol's own decoder has read it."""

    def __init__(self, span: Any, resource: dict[str, Any]) -> None:
        self.raw = span
        self.resource = resource
        self.name: str = span.name
        self.trace = span.trace_id.hex()
        self.id = span.span_id.hex()
        self.parent = span.parent_span_id.hex()
        self.state: str = span.trace_state
        self.is_server = span.kind == trace_pb2.Span.SPAN_KIND_SERVER
        self.failed = span.status.code == trace_pb2.Status.STATUS_CODE_ERROR
        self.attributes = attributes(span.attributes)
        self.events = [event.name for event in span.events]

    def check(self) -> None:
        assert len(self.raw.trace_id) == 16 and any(self.raw.trace_id)
        assert len(self.raw.span_id) == 8 and any(self.raw.span_id)
        assert len(self.raw.parent_span_id) in (0, 8)
        assert self.raw.kind in (trace_pb2.Span.SPAN_KIND_SERVER, trace_pb2.Span.SPAN_KIND_CLIENT)
        now = time.time_ns()
        assert now - 600 * 10**9 < self.raw.start_time_unix_nano <= self.raw.end_time_unix_nano < now + 10**9
        for event in self.raw.events:
            assert event.name and self.raw.start_time_unix_nano <= event.time_unix_nano <= self.raw.end_time_unix_nano


def attributes(pairs: Any) -> dict[str, Any]:
    found = {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
    assert len(found) == len(pairs), "a key twice"
    return found


def decoded(body: bytes) -> list[Span]:
    """Strictly: an unknown member, or a value of another type, is an error."""
    message = json.loads(body)
    for scope in (scope for resource in message["resourceSpans"] for scope in resource["scopeSpans"]):
        for span in scope["spans"]:
            # OTLP writes ids in hexadecimal, where JSON of Protocol Buffers has base64.
            for name in ("traceId", "spanId", "parentSpanId"):
                if name in span:
                    span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
            for name in ("startTimeUnixNano", "endTimeUnixNano"):
                assert isinstance(span[name], str), "64-bit numbers are texts"
    request = json_format.ParseDict(message, ExportTraceServiceRequest(), ignore_unknown_fields=False)
    spans = []
    for resource in request.resource_spans:
        told = attributes(resource.resource.attributes)
        spans += [Span(span, told) for scope in resource.scope_spans for span in scope.spans]
    for span in spans:
        span.check()
    return spans


class Collector:
    def __init__(self, port: int = 0) -> None:
        self.spans: list[Span] = []
        self.requests = 0
        self.problems: list[BaseException] = []
        self.answers: list[tuple[int, Any]] = []
        """Instead of the usual answer, once each."""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.requests += 1
                status, answer = collector.answers.pop(0) if collector.answers else (200, {"partialSuccess": {}})
                try:
                    assert self.path == "/v1/traces" and self.headers["content-type"] == "application/json"
                    if status == 200:
                        collector.spans += decoded(body)
                except BaseException as problem:  # told by the test
                    collector.problems.append(problem)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                # Some collectors answer in chunks.
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n0\r\n\r\n")

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Server(("127.0.0.1", port), Handler)
        self.port: int = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def wait_for(self, count: int) -> list[Span]:
        """Once so many requests' spans have come: all."""
        until(lambda: bool(self.problems) or sum(span.is_server for span in self.spans) >= count)
        assert not self.problems, self.problems
        return self.spans

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
