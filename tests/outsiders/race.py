"""Clients that ask again in the very moment in which a gateway that ends closes their idle connections.
Prints one line of JSON.

    race.py PORT PROCESS CONNECTIONS

Opens CONNECTIONS kept-alive connections, asks once on each, sends SIGTERM to PROCESS, and as soon as one of them is closed
asks once more on each other, one after the other. On loopback what one end has sent is at the other end when
the call returns. So a look at the socket before and after a request was sent tells whether the gateway had closed by
then:

`in_time`: it had not; `crossed`: it did while the request was sent. Each is a pair: requests sent, requests without an
answer. `closed`: the gateway had closed before, as the client could see, so nothing was sent.

Reads `server-ca.crt`, `client.crt` and `client.key` in the current folder.
"""

import json
import os
import random
import signal
import socket
import ssl
import sys
import time

NAME = "www.example.com"
PORT, PROCESS, CONNECTIONS = (int(argument) for argument in sys.argv[1:4])
# Far longer than the gateway leaves an idle connection open after SIGTERM.
PATIENCE = 10
REQUEST = f"GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode()


class Client:
    def __init__(self, tls):
        plain = socket.create_connection(("127.0.0.1", PORT), timeout=20)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = tls.wrap_socket(plain, server_hostname=NAME)
        # The same socket without TLS, to see what has come without taking it.
        self.wire = socket.socket(fileno=os.dup(self.stream.fileno()))
        self.stream.sendall(REQUEST)
        assert self.is_answered()

    def is_answered(self):
        response = b""
        try:
            while b"\r\n\r\n" not in response:
                more = self.stream.recv(65536)
                if not more:
                    return False
                response += more
            head, body = response.split(b"\r\n\r\n", 1)
            length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            while len(body) < length:
                more = self.stream.recv(65536)
                if not more:
                    return False
                body += more
        except OSError:
            return False
        return head.startswith(b"HTTP/1.1 200")

    def has_something(self):
        """Whether the gateway has said anything, an end included."""
        try:
            self.wire.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True


def main():
    tls = ssl.create_default_context(cafile="server-ca.crt")
    tls.load_cert_chain("client.crt", "client.key")
    clients = [Client(tls) for _ in range(CONNECTIONS)]
    random.shuffle(clients)
    os.kill(PROCESS, signal.SIGTERM)
    end = time.monotonic() + PATIENCE
    # Each worker closes its own in turn: of some, the first is as likely to be here as of all.
    while not any(one.has_something() for one in clients[:20]):
        assert time.monotonic() < end, "it closes nothing"
    began = time.monotonic()
    sent = {"in_time": [], "crossed": []}
    closed = 0
    for client in clients:
        if client.has_something():
            closed += 1
            continue
        try:
            client.stream.sendall(REQUEST)
        except OSError:
            pass
        sent["crossed" if client.has_something() else "in_time"].append(client)
    took = time.monotonic() - began
    said = {what: [len(those), sum(not one.is_answered() for one in those)] for what, those in sent.items()}
    print(json.dumps({**said, "closed": closed, "milliseconds": round(took * 1000)}))


main()
