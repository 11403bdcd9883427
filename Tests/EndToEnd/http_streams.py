"""Streams of bytes that readers of HTTP/1.1 could understand in different ways: what `test_http_differential.py` sends to Nexus and
to nginx, and docs/http.md has a row for. Behind each one comes a good request, which shows where the stream was thought to end."""

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
LENGTH = b"%d" % len(BODY)
CHUNK = b"%x" % len(BODY)
LIVE = "/livez"
CHAT = "/v1/chat/completions"


def head(line: str, *fields: str | bytes, host: str | None = "Host: localhost") -> bytes:
    """A request without a body: its line and fields as they are, each with CR LF."""
    lines = [line, *([host] if host is not None else []), *fields]
    return b"".join((part.encode("latin-1") if isinstance(part, str) else part) + b"\r\n" for part in lines) + b"\r\n"


def get(*fields: str | bytes, host: str | None = "Host: localhost") -> bytes:
    return head(f"GET {LIVE} HTTP/1.1", *fields, host=host)


def line(text: str, **options: str | None) -> bytes:
    return head(text, **options)


def post(*fields: str, body: bytes = BODY, version: str = "HTTP/1.1") -> bytes:
    return head(f"POST {CHAT} {version}", "Content-Type: application/json", *fields) + body


def chunked(chunks: bytes, *fields: str) -> bytes:
    return post("Transfer-Encoding: chunked", *fields, body=chunks)


def one_chunk(size: bytes = CHUNK, after: bytes = b"\r\n", end: bytes = b"\r\n", last: bytes = b"0\r\n\r\n") -> bytes:
    return chunked(size + after + BODY + end + last)


REQUEST_LINES = {
    "an ordinary request": get(),
    "two, one behind the other": get() + get(),
    "an empty line before it": b"\r\n" + get(),
    "five empty lines before it": b"\r\n" * 5 + get(),
    "an empty line of LF alone before it": b"\n" + get(),
    "a space before the method": line(f" GET {LIVE} HTTP/1.1"),
    "two spaces behind the method": line(f"GET  {LIVE} HTTP/1.1"),
    "two spaces behind the target": line(f"GET {LIVE}  HTTP/1.1"),
    "a tab behind the method": line(f"GET\t{LIVE} HTTP/1.1"),
    "a space at the end of the line": line(f"GET {LIVE} HTTP/1.1 "),
    "a space within the target": line(f"GET {LIVE}?a b HTTP/1.1"),
    "a method in small letters": line(f"get {LIVE} HTTP/1.1"),
    "a method that nobody knows": line(f"BREW {LIVE} HTTP/1.1"),
    "a method with a hyphen": line(f"M-SEARCH {LIVE} HTTP/1.1"),
    "a method that is no token": line(f"G(T {LIVE} HTTP/1.1"),
    "TRACE": line(f"TRACE {LIVE} HTTP/1.1"),
    "CONNECT": line("CONNECT localhost:80 HTTP/1.1"),
    "HEAD": line(f"HEAD {LIVE} HTTP/1.1"),
    "OPTIONS of a path": line(f"OPTIONS {LIVE} HTTP/1.1"),
    "OPTIONS *": line("OPTIONS * HTTP/1.1"),
    "GET *": line("GET * HTTP/1.1"),
    "no target": line("GET HTTP/1.1"),
    "a target without a slash": line("GET livez HTTP/1.1"),
    "no version (HTTP/0.9)": b"GET /livez\r\n\r\n",
    "HTTP/1.0": line(f"GET {LIVE} HTTP/1.0"),
    "HTTP/1.0 without Host": line(f"GET {LIVE} HTTP/1.0", host=None),
    "HTTP/1.2": line(f"GET {LIVE} HTTP/1.2"),
    "HTTP/2.0": line(f"GET {LIVE} HTTP/2.0"),
    "HTTP/1.10": line(f"GET {LIVE} HTTP/1.10"),
    "HTTP/01.1": line(f"GET {LIVE} HTTP/01.1"),
    "the version in small letters": line(f"GET {LIVE} http/1.1"),
    "another protocol": line(f"GET {LIVE} FTP/1.1"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "the first bytes of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
}

TARGETS = {
    "absolute form": line(f"GET http://localhost{LIVE} HTTP/1.1"),
    "absolute form, another Host": line(f"GET http://localhost{LIVE} HTTP/1.1", host="Host: other.localhost"),
    "absolute form without Host": line(f"GET http://localhost{LIVE} HTTP/1.1", host=None),
    "absolute form with a user": line(f"GET http://user@localhost{LIVE} HTTP/1.1"),
    "absolute form without a path": line("GET http://localhost HTTP/1.1"),
    "absolute form of another scheme": line(f"GET ftp://localhost{LIVE} HTTP/1.1"),
    "a query": line(f"GET {LIVE}?a=b&c=%20 HTTP/1.1"),
    "a fragment": line(f"GET {LIVE}#x HTTP/1.1"),
    "an escape of a letter": line("GET /%6Civez HTTP/1.1"),
    "an escape of a slash": line("GET %2Flivez HTTP/1.1"),
    "an escape that is none": line("GET /livez%zz HTTP/1.1"),
    "an escape of NUL": line("GET /livez%00 HTTP/1.1"),
    "dot segments": line("GET /v1/../livez HTTP/1.1"),
    "dot segments that lead out": line("GET /../livez HTTP/1.1"),
    "dot segments, escaped": line("GET /v1/%2e%2e/livez HTTP/1.1"),
    "two slashes": line("GET //livez HTTP/1.1"),
    "a slash at the end": line("GET /livez/ HTTP/1.1"),
    "a backslash": line("GET \\livez HTTP/1.1"),
    "UTF-8 that is not escaped": line("GET /livez?é HTTP/1.1".encode().decode("latin-1")),
    "a control character": line(f"GET {LIVE}?\x01 HTTP/1.1"),
    "NUL in the target": line(f"GET {LIVE}\0 HTTP/1.1"),
    "a target of 7000 bytes": line(f"GET {LIVE}?{'x' * 7000} HTTP/1.1"),
    "a target of 60,000 bytes": line(f"GET {LIVE}?{'x' * 60_000} HTTP/1.1"),
    "a target of 70,000 bytes": line(f"GET {LIVE}?{'x' * 70_000} HTTP/1.1"),
}

LINES = {
    "LF alone everywhere": get().replace(b"\r\n", b"\n"),
    "LF alone behind a field": get("X-A: b\nX-C: d"),
    "LF alone at the end of the head": get()[:-2] + b"\n",
    "CR alone behind a field": get("X-A: b\rX-C: d"),
    "CR CR LF": get("X-A: b\r"),
    "a folded field": get("X-A: b\r\n c"),
    "a fold before the first field": head(f"GET {LIVE} HTTP/1.1\r\n X-A: b"),
    "a fold of a tab": get("X-A: b\r\n\tc"),
    "a space before a name": get(" X-A: b"),
    "a space before the colon": get("X-A : b"),
    "a tab before the colon": get("X-A\t: b"),
    "no colon": get("X-A"),
    "no name": get(": b"),
    "no value": get("X-A:"),
    "no space behind the colon": get("X-A:b"),
    "space around the value": get("X-A: \t b \t "),
    "an underscore in a name": get("X_A: b"),
    "all characters of a token in a name": get("!#$%&'*+-.^_`|~09Az: b"),
    "a parenthesis in a name": get("X(A: b"),
    "a letter beyond ASCII in a name": get("X-\xc3\xa9: b"),
    "NUL in a name": get("X-\0A: b"),
    "NUL in a value": get("X-A: a\0b"),
    "a control character in a value": get("X-A: a\x01b"),
    "DEL in a value": get("X-A: a\x7fb"),
    "bytes beyond ASCII in a value": get("X-A: \xc3\xa9\xff"),
    "a value of 7000 bytes": get("X-A: " + "x" * 7000),
    "a value of 60,000 bytes": get("X-A: " + "x" * 60_000),
    "a value of 70,000 bytes": get("X-A: " + "x" * 70_000),
    "100 fields": get(*[f"X-{number}: a" for number in range(100)]),
    "300 fields": get(*[f"X-{number}: a" for number in range(300)]),
    "a head that does not end": f"GET {LIVE} HTTP/1.1\r\nHost: localhost\r\nX-A:".encode(),
}

HOSTS = {
    "no Host": get(host=None),
    "an empty Host": get(host="Host:"),
    "two equal Hosts": get("Host: localhost"),
    "two different Hosts": get("Host: other"),
    "HOST": get(host="HOST: localhost"),
    "a Host with a port": get(host="Host: localhost:8000"),
    "a Host with a port that is no number": get(host="Host: localhost:x"),
    "a Host with a path": get(host="Host: localhost/x"),
    "a Host with a user": get(host="Host: user@localhost"),
    "a Host with a space": get(host="Host: local host"),
    "a Host with a comma": get(host="Host: localhost, other"),
    "an IPv6 address": get(host="Host: [::1]"),
    "an IPv6 address that does not end": get(host="Host: [::1"),
    "a name of somebody else": get(host="Host: evil.example"),
}

LENGTHS = {
    "Content-Length": post(f"Content-Length: {len(BODY)}"),
    "no length": post(body=b""),
    "Content-Length: 0": post("Content-Length: 0", body=b""),
    "Content-Length twice, equal": post(f"Content-Length: {len(BODY)}", f"Content-Length: {len(BODY)}"),
    "Content-Length twice, different": post(f"Content-Length: {len(BODY)}", "Content-Length: 5"),
    "a list of equal lengths": post(f"Content-Length: {len(BODY)}, {len(BODY)}"),
    "a list of different lengths": post(f"Content-Length: {len(BODY)}, 5"),
    "a plus before the length": post(f"Content-Length: +{len(BODY)}"),
    "a negative length": post("Content-Length: -1"),
    "zeros before the length": post(f"Content-Length: 000{len(BODY)}"),
    "a hexadecimal length": post("Content-Length: 0x10"),
    "a length with a letter": post(f"Content-Length: {len(BODY)}a"),
    "a length within quotes": post(f'Content-Length: "{len(BODY)}"'),
    "an empty length": post("Content-Length:"),
    "a length beyond 64 bits": post("Content-Length: 18446744073709551617"),
    "a length beyond what is taken": post("Content-Length: 99999999999", body=b""),
    "a space before the length's colon": post(f"Content-Length : {len(BODY)}"),
    "a body with GET": head(f"GET {LIVE} HTTP/1.1", "Content-Length: 5") + b"hello",
    "a body with GET that looks like a request": head(f"GET {LIVE} HTTP/1.1", f"Content-Length: {len(get())}") + get(),
    "a body that does not end": post("Content-Length: 100000"),
}

CODINGS = {
    "chunked": one_chunk(),
    "Chunked, in capital letters": post("Transfer-Encoding: CHUNKED", body=CHUNK + b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunked and a length": chunked(CHUNK + b"\r\n" + BODY + b"\r\n0\r\n\r\n", f"Content-Length: {len(BODY)}"),
    "a length and chunked": post(
        f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked", body=CHUNK + b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunked twice": chunked(b"0\r\n\r\n", "Transfer-Encoding: chunked"),
    "chunked, chunked": post("Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "gzip, chunked": post("Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "chunked, gzip": post("Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"),
    "identity": post("Transfer-Encoding: identity", f"Content-Length: {len(BODY)}"),
    "an unknown coding": post("Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "an empty coding": post("Transfer-Encoding:", f"Content-Length: {len(BODY)}"),
    "a space before the coding's colon": post("Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "a vertical tab before chunked": post("Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"),
    "a comma behind chunked": post("Transfer-Encoding: chunked,", body=CHUNK + b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a parameter behind chunked": post("Transfer-Encoding: chunked;a=b", body=b"0\r\n\r\n"),
    "chunked in HTTP/1.0": post("Transfer-Encoding: chunked", body=CHUNK + b"\r\n" + BODY + b"\r\n0\r\n\r\n", version="HTTP/1.0"),
    "an underscore in Transfer_Encoding": post("Transfer_Encoding: chunked", f"Content-Length: {len(BODY)}"),
}

CHUNKS = {
    "many chunks": chunked(b"".join(b"1\r\n" + BODY[n : n + 1] + b"\r\n" for n in range(len(BODY))) + b"0\r\n\r\n"),
    "a size in capital letters": one_chunk(CHUNK.upper()),
    "zeros before the size": one_chunk(b"0000" + CHUNK),
    "20 zeros before the size": one_chunk(b"0" * 20 + CHUNK),
    "0x before the size": one_chunk(b"0x" + CHUNK),
    "a plus before the size": one_chunk(b"+" + CHUNK),
    "a minus before the size": one_chunk(b"-" + CHUNK),
    "a space before the size": one_chunk(b" " + CHUNK),
    "a space behind the size": one_chunk(CHUNK + b" "),
    "a tab behind the size": one_chunk(CHUNK + b"\t"),
    "no size": one_chunk(b""),
    "a size that is no number": one_chunk(b"zz"),
    "a size beyond 64 bits": one_chunk(b"1" + b"0" * 16 + CHUNK),
    "a size of 15 digits": one_chunk(b"f" * 15),
    "an extension": one_chunk(CHUNK + b";a=b"),
    "an extension without a value": one_chunk(CHUNK + b";a"),
    "an empty extension": one_chunk(CHUNK + b";"),
    "a quoted extension": one_chunk(CHUNK + b';a="b;c"'),
    "space around an extension": one_chunk(CHUNK + b" ; a = b"),
    "words behind the size": one_chunk(CHUNK + b" abc"),
    "an extension with NUL": one_chunk(CHUNK + b";a\0"),
    "an extension with LF alone": one_chunk(CHUNK + b";a", after=b"\n"),
    "an extension with CR alone": one_chunk(CHUNK + b";a\rb"),
    "an extension of 5000 bytes": one_chunk(CHUNK + b";" + b"a" * 5000),
    "LF alone behind the size": one_chunk(after=b"\n"),
    "LF alone behind the data": one_chunk(end=b"\n"),
    "nothing behind the data": one_chunk(end=b""),
    "more data than the size": one_chunk(end=b"xx\r\n"),
    "less data than the size": one_chunk(b"%x" % (len(BODY) + 4)),
    "no last chunk": one_chunk(last=b""),
    "a last chunk of many zeros": one_chunk(last=b"0000000\r\n\r\n"),
    "a last chunk with an extension": one_chunk(last=b"0;a=b\r\n\r\n"),
    "a trailer": one_chunk(last=b"0\r\nX-A: b\r\n\r\n"),
    "a trailer with Content-Length": one_chunk(last=b"0\r\nContent-Length: 5\r\n\r\n"),
    "a trailer with LF alone": one_chunk(last=b"0\r\nX-A: b\n\n"),
    "a trailer that is no field": one_chunk(last=b"0\r\nno field\r\n\r\n"),
    "a folded trailer": one_chunk(last=b"0\r\nX-A: b\r\n c\r\n\r\n"),
    "a trailer with NUL": one_chunk(last=b"0\r\nX-A: \0\r\n\r\n"),
    "LF alone behind the last chunk": one_chunk(last=b"0\n\n"),
    "an empty line that lacks its LF": one_chunk(last=b"0\r\n\r"),
}

CONNECTIONS = {
    "Connection: close": get("Connection: close"),
    "Connection: Close, in a list": get("Connection: x, Close"),
    "close and keep-alive": get("Connection: close, keep-alive"),
    "close in a second field": get("Connection: keep-alive", "Connection: close"),
    "HTTP/1.0, keep-alive": head(f"GET {LIVE} HTTP/1.0", "Connection: keep-alive"),
    "HTTP/1.0, close and keep-alive": head(f"GET {LIVE} HTTP/1.0", "Connection: close, keep-alive"),
    "HTTP/1.0, keep-alive and close": head(f"GET {LIVE} HTTP/1.0", "Connection: keep-alive, close"),
    "Expect: 100-continue": post("Expect: 100-continue", f"Content-Length: {len(BODY)}"),
    "Expect: 100-Continue, no body": get("Expect: 100-Continue"),
    "Expect: 100-continue in HTTP/1.0": post("Expect: 100-continue", f"Content-Length: {len(BODY)}", version="HTTP/1.0"),
    "Expect: something else": post("Expect: a-miracle", f"Content-Length: {len(BODY)}"),
    "an upgrade to what nobody speaks": get("Connection: Upgrade", "Upgrade: h3c"),
    "an upgrade to HTTP/2": get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
    "an upgrade to WebSocket of a path that has none": get(
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13"),
    "a request behind a body": post(f"Content-Length: {len(BODY)}") + get(),
    "a request behind chunks": one_chunk() + get(),
    "an empty line behind a body": post(f"Content-Length: {len(BODY)}") + b"\r\n",
    "ten requests": get() * 10,
}

GROUPS = {
    "Request lines": REQUEST_LINES,
    "Targets": TARGETS,
    "Lines and fields": LINES,
    "Host": HOSTS,
    "Lengths": LENGTHS,
    "Transfer codings": CODINGS,
    "Chunks": CHUNKS,
    "Connections": CONNECTIONS,
}
