"""The stage of the scenarios: systemd as they ask it, certificates, a configuration, and the app behind the gateway."""

import http.server
import os
import pathlib
import shutil
import socketserver
import subprocess
import threading
import time

from load import PLACE

SYSTEM = pathlib.Path("/etc/systemd/system")
DROP_INS = SYSTEM / "mtls-gateway.service.d"
CONFIG = pathlib.Path(PLACE) / "gateway.toml"
GOOD = """[[listener]]
address = "0.0.0.0:443"

[[site]]
server_names = ["localhost"]
certificate = "server.crt"
private_key = "server.key"
client_ca = "client-ca.crt"
upstream = "http://127.0.0.1:8080"

[runtime]
watch = false
drain_timeout = "6s"

[access_log]
target = "off"
"""


def run(*command, fails=False):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    assert (done.returncode != 0) == fails, f"{command}: {done.returncode} {said}"
    return said


def systemctl(*arguments, fails=False):
    return run("systemctl", *arguments, fails=fails)


def shown(name, unit="mtls-gateway.service"):
    return systemctl("show", "--value", "-p", name, unit).strip()


def await_that(what, holds, patience=15):
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, f"never: {what}; {systemctl('show', 'mtls-gateway')[:3000]}"
        time.sleep(0.05)


def main_pid():
    return int(shown("MainPID"))


def await_another(pid):
    await_that("another process serves", lambda: main_pid() not in (0, pid))
    await_that("it is ready", lambda: shown("ActiveState") == "active")


# ---------------------------------------------------------------- the stage


def certificates():
    """Everything below /etc/mtls-gateway, the configuration too; the service's user must be there."""
    def openssl(*arguments):
        run("openssl", *arguments)

    folder = pathlib.Path(PLACE)
    folder.mkdir(exist_ok=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for ca, name in [("server-ca", "/CN=Server CA"), ("client-ca", "/CN=Client CA")]:
        openssl("req", "-x509", *key, "-days", "2", "-subj", name, "-keyout", f"{folder}/{ca}.key",
                "-out", f"{folder}/{ca}.crt", "-addext", "keyUsage=critical,keyCertSign")
    for ca, name, usage in [("server-ca", "server", "serverAuth"), ("client-ca", "caller", "clientAuth")]:
        extensions = folder / f"{name}.ext"
        extensions.write_text(f"extendedKeyUsage={usage}\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("req", *key, "-subj", f"/CN={name}", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr")
        openssl("x509", "-req", "-in", f"{folder}/{name}.csr", "-CA", f"{folder}/{ca}.crt", "-CAkey",
                f"{folder}/{ca}.key", "-CAcreateserial", "-days", "2", "-extfile", extensions,
                "-out", f"{folder}/{name}.crt")
    shutil.chown(folder / "server.key", "mtls-gateway", "mtls-gateway")
    os.chmod(folder / "server.key", 0o400)
    CONFIG.write_text(GOOD)


class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(b"allowed")

    def do_POST(self):
        length = 0
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline(), 16):
                length += len(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        else:
            length = len(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(str(length).encode())

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "the gateway"

    def log_message(self, *_):
        pass


class Quiet:
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        """A gateway that is killed breaks off what it asks; its clients count that."""


class UnixServer(Quiet, socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    pass


class TcpServer(Quiet, http.server.ThreadingHTTPServer):
    pass


def app(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
