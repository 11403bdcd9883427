#!/usr/bin/env python3
"""A small model server with a protocol of its own, for docs/tutorial-custom-server.md: python3 parrot.py [PORT] [KEY].

    GET  /voices   {"ready":true,"voices":["polly"]}
    POST /talk     {"voice":"polly","lines":["user: Hi","polly: Hello"],"words":100}
                   lines of JSON, one for each word: {"word":"Hi"}, {"word":" there"}, and a last one:
                   {"end":"said","heard":2,"spoken":2}
                   "end" is "said", or "cut" when "words" allowed no more
    an error       a status of 400 or more and {"squawk":"what went wrong"}

Polly says the last line again. It always streams, and knows nothing but text."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 8098
KEY = sys.argv[2] if len(sys.argv) > 2 else None


class Parrot(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def piece(self, content):
        line = (json.dumps(content) + "\n").encode() if content else b""
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def is_known(self):
        if KEY is None or self.headers["x-perch"] == KEY:
            return True
        self.answer(401, {"squawk": "who is there?"})
        return False

    def do_GET(self):
        if self.is_known():
            self.answer(200, {"ready": True, "voices": ["polly"]})

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.is_known():
            return
        if request["voice"] != "polly":
            self.answer(404, {"squawk": f"there is no voice {request['voice']}"})
            return
        heard = " ".join(request["lines"]).split()
        words = request["lines"][-1].split(": ", 1)[1].split()
        spoken = words[: request.get("words", len(words))]
        self.send_response(200)
        self.send_header("content-type", "application/x-parrot")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for index, word in enumerate(spoken):
            self.piece({"word": word if index == 0 else " " + word})
        self.piece({"end": "said" if spoken == words else "cut", "heard": len(heard), "spoken": len(spoken)})
        self.piece(None)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Parrot).serve_forever()
