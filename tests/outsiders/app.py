"""The app behind the gateway: Python's own HTTP server, and a line of JSON for each request it saw.

Prints its port first, and ends when its standard input does.

  GET  /bytes/N    N bytes with a Content-Length
  GET  /chunks/N   the same in chunks
  any  /refuse     403, before a body that the client only announces is asked for
  any  else        what was seen, as JSON
"""

import hashlib
import http.server
import json
import os
import sys
import threading

PATTERN = bytes(range(251)) * 4177  # about 1 MiB, and of no length that a buffer has


class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30

    def answer(self):
        size, digest = 0, hashlib.sha256()
        for piece in self.body():
            size += len(piece)
            digest.update(piece)
        seen = json.dumps({
            "method": self.command,
            "path": self.path,
            "version": self.request_version,
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "body_bytes": size,
            "body_sha256": digest.hexdigest(),
        })
        print(seen, flush=True)
        kind, _, size = self.path.lstrip("/").partition("/")
        if kind in ("bytes", "chunks"):
            self.send_bytes(int(size), kind == "chunks")
        else:
            self.start(("Content-Length", len(seen)), ("Content-Type", "application/json"))
            if self.command != "HEAD":
                self.wfile.write(seen.encode())

    do_GET = do_HEAD = do_POST = do_PUT = do_OPTIONS = answer

    def start(self, *headers):
        self.send_response(200)
        for name, value in headers:
            self.send_header(name, str(value))
        self.end_headers()

    def send_bytes(self, size, chunked):
        self.start(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", size))
        while size > 0 and self.command != "HEAD":
            piece = PATTERN[:size]
            size -= len(piece)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            piece = self.rfile.read(min(left, 1 << 20))
            if not piece:
                raise ConnectionError("the body was cut short")
            left -= len(piece)
            yield piece

    def handle_expect_100(self):
        if self.path == "/refuse":
            self.send_error(403)
            return False
        return super().handle_expect_100()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    def handle_error(self, request, client_address):
        print(json.dumps({"error": repr(sys.exc_info()[1])}), flush=True)


server = Server(("127.0.0.1", 0), App)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
os._exit(0)
