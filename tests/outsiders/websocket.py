"""WebSocket by Python's `websockets`, at both ends.

    websocket.py WHEEL app            serves on a free port, and says which, until standard input ends
    websocket.py WHEEL client PORT    talks to it through the gateway, and says in JSON what came of it
"""

import asyncio
import contextlib
import json
import ssl
import sys

sys.path.insert(0, sys.argv[1])

from websockets.asyncio.client import connect  # noqa: E402
from websockets.asyncio.server import serve  # noqa: E402
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402

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


def call(path):
    context = ssl.create_default_context(cafile="server-ca.crt")
    context.load_cert_chain("client.crt", "client.key")
    port = int(sys.argv[3])
    where = {"host": "127.0.0.1", "port": port, "ssl": context, "proxy": None}
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


asyncio.run(app() if sys.argv[2] == "app" else client())
