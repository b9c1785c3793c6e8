"""WebSocket by Python's `websockets` at both ends, and by its `h2` between.

    websocket.py WHEELS app             serves on a free port, and says which, until standard input ends
    websocket.py WHEELS client PORT     talks to it through the gateway, and says in JSON what came of it
    websocket.py WHEELS client2 PORT    the same over HTTP/2 (RFC 8441)
"""

import asyncio
import contextlib
import glob
import json
import socket
import ssl
import sys

sys.path[:0] = glob.glob(sys.argv[1] + "/*.whl")

import h2.config  # noqa: E402
import h2.connection  # noqa: E402
import h2.events  # noqa: E402
import h2.settings  # noqa: E402
from websockets.asyncio.client import connect  # noqa: E402
from websockets.asyncio.server import serve  # noqa: E402
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402
from websockets.protocol import CLIENT, OPEN, Protocol  # noqa: E402

HOST = "www.example.com"
LARGE = bytes(range(256)) * 40_000


async def echo(connection):
    path = connection.request.path
    if path == "/identity":
        await connection.send(connection.request.headers["X-SSL-Client-S-DN"])
    elif path == "/enough":
        await connection.close(4001, "enough")
    else:
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                await connection.send(message)


def refuse(connection, request):
    return connection.respond(403, "not you\n") if request.path == "/refused" else None


async def app():
    options = {"process_request": refuse, "subprotocols": ["chat"], "max_size": None}
    async with serve(echo, "127.0.0.1", 0, **options) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def tls():
    context = ssl.create_default_context(cafile="server-ca.crt")
    context.load_cert_chain("client.crt", "client.key")
    return context


def call(path):
    where = {"host": "127.0.0.1", "port": int(sys.argv[3]), "ssl": tls(), "proxy": None}
    return connect(f"wss://{HOST}{path}", max_size=None, subprotocols=["chat"], **where)


async def talk(number):
    async with call("/echo") as connection:
        for message in (f"{number}", "é" * number, bytes([number]) * 1000):
            await connection.send(message)
            assert await connection.recv() == message
    return connection.close_code


async def client():
    said = {}
    async with call("/identity") as connection:
        said["identity"] = await connection.recv()
    async with call("/echo") as connection:
        said["subprotocol"] = connection.subprotocol
        said["compressed"] = any("deflate" in extension.name for extension in connection.protocol.extensions)
        await connection.send(LARGE)
        said["large"] = await connection.recv() == LARGE
        # In fragments.
        await connection.send(part for part in ["one ", "two ", "three"])
        said["fragments"] = await connection.recv()
        await asyncio.wait_for(await connection.ping(), 20)
        said["ping"] = True
        await connection.close(1000, "bye")
        said["closed_by_client"] = connection.close_code
    async with call("/enough") as connection:
        await connection.wait_closed()
        said["closed_by_app"] = [connection.close_code, connection.close_reason]
    try:
        await call("/refused")
    except InvalidStatus as error:
        said["refused"] = error.response.status_code
    said["many"] = sorted(set(await asyncio.gather(*(talk(number) for number in range(60)))))
    print(json.dumps(said))


class Http2:
    """One connection; frames of WebSocket travel as the data of a stream."""

    def __init__(self):
        context = tls()
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", int(sys.argv[3])), timeout=20)
        self.socket = context.wrap_socket(plain, server_hostname=HOST)
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.state.initiate_connection()
        self.status, self.protocols, self.ended, self.settled = {}, {}, set(), False
        self.flush()
        while not self.settled:
            self.read()

    def flush(self):
        self.socket.sendall(self.state.data_to_send())

    def read(self):
        for event in self.state.receive_data(self.socket.recv(65536)):
            if isinstance(event, h2.events.RemoteSettingsChanged):
                self.settled = True
            elif isinstance(event, h2.events.ResponseReceived):
                self.status[event.stream_id] = int(dict(event.headers)[":status"])
            elif isinstance(event, h2.events.DataReceived):
                self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if event.stream_id in self.protocols:
                    self.protocols[event.stream_id].receive_data(event.data)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
        self.flush()

    def ask(self, path):
        stream = self.state.get_next_available_stream_id()
        head = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", HOST)]
        head += [(":path", path), ("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat")]
        self.state.send_headers(stream, head)
        self.flush()
        while stream not in self.status:
            self.read()
        self.protocols[stream] = Protocol(CLIENT, state=OPEN, max_size=None)
        return stream

    def send(self, stream):
        for data in self.protocols[stream].data_to_send():
            while data:
                size = self.state.local_flow_control_window(stream)
                size = min(size, self.state.max_outbound_frame_size, len(data))
                if size:
                    self.state.send_data(stream, data[:size])
                    self.flush()
                    data = data[size:]
                else:
                    self.read()

    def message(self, stream):
        """The next message, or the close that came instead."""
        whole = b""
        while True:
            for frame in self.protocols[stream].events_received():
                whole += bytes(frame.data)
                if frame.fin:
                    return whole
            self.read()


def client2():
    connection = Http2()
    said = {"can": connection.state.remote_settings.enable_connect_protocol}
    streams = [connection.ask("/echo") for _ in range(8)]
    said["status"] = sorted({connection.status[stream] for stream in streams})
    for stream in streams:
        connection.protocols[stream].send_binary(LARGE[: 300_000 + stream])
        connection.send(stream)
    said["large"] = [connection.message(stream) == LARGE[: 300_000 + stream] for stream in streams].count(True)
    for stream in streams:
        connection.protocols[stream].send_close(1000, "bye")
        connection.send(stream)
    while not connection.ended.issuperset(streams):
        connection.read()
    said["closed"] = sorted({connection.protocols[stream].close_rcvd.code for stream in streams})
    stream = connection.ask("/identity")
    said["identity"] = connection.message(stream).decode()
    said["refused"] = connection.status[connection.ask("/refused")]
    print(json.dumps(said))


if sys.argv[2] == "client2":
    client2()
else:
    asyncio.run(app() if sys.argv[2] == "app" else client())
