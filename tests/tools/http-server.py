#!/usr/bin/env python3
"""A server for the cases of uri and get_url: always the same answers, byte for byte.

Usage: http-server.py [CERTIFICATE KEY]; prints its port, serves until its standard input ends.
"""
import gzip
import http.server
import json
import ssl
import sys
import threading

LINES = b"hello\nworld\n"
LAST = "Sat, 01 Jan 2000 00:00:00 GMT"
NOISE = {"accept", "accept-encoding", "connection", "host"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response_only(status)
        for name, value in headers.items():
            for one in value if isinstance(value, list) else [value]:
                self.send_header(name.replace("_", "-"), one)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        path, _, query = self.path.partition("?")
        name = path.strip("/").partition("/")[0].replace(".", "_") or "root"
        getattr(self, "on_" + name, self.on_missing)(path, query, body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = handle_any

    def on_missing(self, path, query, body):
        self.answer(404, b"nothing here\n", Content_Type="text/plain")

    def on_file_txt(self, path, query, body):
        if self.headers.get("If-Modified-Since") and not self.headers.get("Cache-Control"):
            return self.answer(304)
        self.answer(200, LINES, Content_Type="text/plain; charset=utf-8", Last_Modified=LAST)

    def on_echo(self, path, query, body):
        headers = {k.lower(): v for k, v in self.headers.items() if k.lower() not in NOISE}
        said = {"method": self.command, "path": self.path, "headers": dict(sorted(headers.items())), "body": body.decode("latin-1")}
        self.answer(200, json.dumps(said).encode(), Content_Type="application/json")

    def on_json(self, path, query, body):
        self.answer(200, b'{"a": [1, 2.5, null, true, "\xc3\xbc"]}', Content_Type="application/problem+json")

    def on_bad(self, path, query, body):
        self.answer(200, b"{not json", Content_Type="application/json")

    def on_bytes(self, path, query, body):
        self.answer(200, bytes(range(256)), Content_Type="application/octet-stream")

    def on_status(self, path, query, body):
        status = int(path.strip("/").rsplit("/", 1)[1])
        self.answer(status, b"" if status == 204 else b"as asked\n", Content_Type="text/plain")

    def on_redirect(self, path, query, body):
        self.answer(int(path.rsplit("/", 1)[1]), b"elsewhere\n", Location=query or "/echo")

    def on_circle(self, path, query, body):
        self.answer(302, b"", Location="/circle")

    def on_auth(self, path, query, body):
        if self.headers.get("Authorization") != "Basic dXNlcjpwYTpzcw==":
            return self.answer(401, b"who are you\n", WWW_Authenticate='Basic realm="test"', Content_Type="text/plain")
        self.answer(200, b"welcome\n", Content_Type="text/plain")

    def on_cookies(self, path, query, body):
        self.answer(200, b"sweet\n", Set_Cookie=["a=1; Path=/", "b=two; HttpOnly"], Content_Type="text/plain")

    def on_gzip(self, path, query, body):
        self.answer(200, gzip.compress(LINES, mtime=0), Content_Encoding="gzip", Content_Type="text/plain")

    def on_sums(self, path, query, body):
        self.answer(200, b"0000  other.txt\n4a1e67f2fe1d1cc7b31d0ca2ec441da4778203a036a77da10344c85e24ff0f92 *./file.txt\n")

    def on_sum(self, path, query, body):
        self.answer(200, b"4a1e67f2fe1d1cc7b31d0ca2ec441da4778203a036a77da10344c85e24ff0f92\n")

    def on_named(self, path, query, body):
        self.answer(200, LINES, Content_Disposition='attachment; filename="../from-server.txt"')


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


main()
