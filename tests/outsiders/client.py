"""Clients made of Python's own `ssl` and `http.client`. Prints one line of JSON.

    client.py PORT TLS_VERSION WHAT

Reads `server-ca.crt`, `client.crt` and `client.key` in the current folder.
"""

import http.client
import json
import socket
import ssl
import struct
import sys

NAME = "www.example.com"
PORT, VERSION, WHAT = int(sys.argv[1]), sys.argv[2], sys.argv[3]


def context():
    made = ssl.create_default_context(cafile="server-ca.crt")
    made.load_cert_chain("client.crt", "client.key")
    version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[VERSION]
    made.minimum_version = made.maximum_version = version
    return made


def connect():
    sock = socket.create_connection(("127.0.0.1", PORT), timeout=20)
    return context().wrap_socket(sock, server_hostname=NAME)


def requests():
    """Three requests through http.client on one connection."""
    connection = http.client.HTTPConnection(NAME)
    connection.sock = connect()
    answers = []
    for method, body in (("GET", None), ("POST", b"twelve bytes"), ("PUT", iter([b"two ", b"pieces"]))):
        connection.request(method, f"/{method.lower()}", body, encode_chunked=body is not None)
        response = connection.getresponse()
        seen = json.loads(response.read())
        answers.append([response.status, response.version, seen["method"], seen["body_bytes"]])
    return {"tls": connection.sock.version(), "answers": answers}


def pipelined():
    """Three requests in one write, one of them with a body, the last one closing."""
    sock = connect()
    host = f"Host: {NAME}\r\n".encode()
    sock.sendall(
        b"GET /bytes/1 HTTP/1.1\r\n" + host + b"\r\n"
        b"POST /bytes/2 HTTP/1.1\r\n" + host + b"Content-Length: 5\r\n\r\nhello"
        b"GET /bytes/3 HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n"
    )
    lengths = []
    reader = sock.makefile("rb")
    while line := reader.readline():
        if line.lower().startswith(b"content-length:"):
            lengths.append(int(line.split(b":")[1]))
    return {"lengths": lengths}


def goodbye():
    """Whether the gateway ends a connection with TLS's goodbye, so that a cut can be told from an end."""
    sock = connect()
    sock.suppress_ragged_eofs = False
    sock.sendall(f"GET /bytes/9 HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
    received = b""
    while piece := sock.recv(4096):
        received += piece
    return {"received": received[-9:].hex()}


def no_goodbye():
    """A whole exchange, then a reset."""
    sock = connect()
    sock.sendall(f"GET /bytes/9 HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
    received = b""
    while b"\r\n\r\n" not in received or len(received.split(b"\r\n\r\n", 1)[1]) < 9:
        received += sock.recv(4096)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    return {}


def cut_upload():
    """Announces a body, sends the beginning and ends the TCP connection in order, but not that of TLS."""
    sock = connect()
    head = f"POST /upload HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 1000000\r\n\r\n"
    sock.sendall(head.encode() + b"x" * 10000)
    sock.close()
    return {}


print(json.dumps(globals()[WHAT]()))
