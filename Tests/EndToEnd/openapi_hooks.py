"""What `schemathesis` has to know of the gateway under test: names of what is there, so that not everything is a 404."""

import os
import zlib
from typing import Any

import schemathesis

KNOWN = {
    "/v1/models/{id}": {"id": "m"},
    "/v1/backends/{id}": {"id": "one"},
    "/v1/backends/{id}/detail": {"id": "one"},
    "/v1/backends/{id}/actions": {"id": "boxes"},
    "/v1/requests/{id}": {"id": "first"},
    "/v1/captures/{id}": {"id": os.environ["NEXUS_TEST_CAPTURE"]},
}
"""Of every other request, where the method changes nothing."""
CHANGED = {
    "/v1/backends/{id}": {"id": "spare"},
    "/v1/backends/{id}/drain": {"id": "spare"},
    "/v1/backends/{id}/enable": {"id": "spare"},
    "/v1/backends/{id}/actions/{name}": {"id": "boxes", "name": "running_models"},
}


def every_other(value: Any) -> bool:
    """By what was made up, so that each run does the same."""
    return zlib.crc32(repr(value).encode()) % 2 == 0


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    operation = context.operation
    known = (KNOWN if operation.method.upper() == "GET" else CHANGED).get(operation.path)
    return {**known} if known and path_parameters and every_other(path_parameters) else path_parameters


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Requests are for a model that there is, every other time; no server is asked that the test has not started."""
    if not isinstance(body, dict):
        return body
    if "url" in body:
        body = {**body, "url": os.environ["NEXUS_TEST_SERVER"]}
    if "model" in body and every_other(body):
        body = {**body, "model": "m"}
    return body
