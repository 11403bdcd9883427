"""A model server in a process of its own, which a test can kill or stop: `python server_process.py PORT`.

It prints its port when it listens.
"""

import asyncio
import json
import sys

ANSWER = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
ANSWER |= {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]}
MODELS = {"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "test"}]}


CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


async def stream(writer: asyncio.StreamWriter) -> None:
    """Three pieces, with pauses between them."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for finish in (None, None, "stop"):
        choice = {"index": 0, "delta": {} if finish else {"content": "hello"}, "finish_reason": finish}
        event = b"data: " + json.dumps({**CHUNK, "choices": [choice]}).encode() + b"\n\n"
        writer.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)
    writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
    await writer.drain()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = next((int(line[16:]) for line in head.split("\r\n") if line.startswith("content-length: ")), 0)
            asked = json.loads(await reader.readexactly(length) or b"{}")
            if asked.get("stream"):
                await stream(writer)
                continue
            body = json.dumps(MODELS if head.startswith("get") else ANSWER).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
            writer.write(f"content-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
