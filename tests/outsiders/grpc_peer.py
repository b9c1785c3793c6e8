"""gRPC by Google's own library: a server in clear text, and a client that shows a certificate.

Messages are bytes as they are, so that nothing has to be generated.
"""

import json
import sys
import threading
import time
from concurrent import futures

import grpc

SERVICE = "test.Echo"
CANCELLED = threading.Event()


def unary(request, context):
    metadata = dict(context.invocation_metadata())
    context.set_trailing_metadata((("x-trailer", "late"), ("x-raw-bin", bytes(range(256)))))
    context.send_initial_metadata((("x-first", "early"),))
    verify, raw = metadata.get("x-ssl-client-verify", ""), metadata.get("x-sent-bin", b"")
    return verify.encode() + b"|" + raw + b"|" + request


def fail(request, context):
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not so: \u00e4 %")


def download(request, context):
    for number in range(int(request)):
        yield b"%d" % number


def upload(requests, context):
    return b"%d" % sum(len(request) for request in requests)


def both(requests, context):
    for request in requests:
        yield b"echo " + request


def stall(request, context):
    gone = threading.Event()
    context.add_callback(gone.set)
    yield b"begun"
    if gone.wait(20):
        CANCELLED.set()


def was_cancelled(request, context):
    return b"%d" % CANCELLED.wait(20)


def server():
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Download": grpc.unary_stream_rpc_method_handler(download),
        "Upload": grpc.stream_unary_rpc_method_handler(upload),
        "Both": grpc.stream_stream_rpc_method_handler(both),
        "Stall": grpc.unary_stream_rpc_method_handler(stall),
        "WasCancelled": grpc.unary_unary_rpc_method_handler(was_cancelled),
    }
    limits = [("grpc.max_receive_message_length", 64 << 20)]
    serving = grpc.server(futures.ThreadPoolExecutor(8), options=limits)
    serving.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = serving.add_insecure_port("127.0.0.1:0")
    serving.start()
    print(port, flush=True)
    # Until whoever started it goes.
    sys.stdin.read()
    serving.stop(None)


def read(name):
    with open(name, "rb") as file:
        return file.read()


def client(port):
    credentials = grpc.ssl_channel_credentials(read("server-ca.crt"), read("client.key"), read("client.crt"))
    options = [
        ("grpc.ssl_target_name_override", "www.example.com"),
        ("grpc.default_authority", "www.example.com"),
        ("grpc.max_receive_message_length", 64 << 20),
        # An impatient client: pings while there is nothing else.
        ("grpc.keepalive_time_ms", 200),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    said = {}
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
        path = lambda method: f"/{SERVICE}/{method}"
        raw = bytes(range(256))

        reply, call = channel.unary_unary(path("Unary")).with_call(
            b"hello", metadata=(("x-sent-bin", raw), ("x-ssl-client-verify", "FORGED")), timeout=20)
        trailing = dict(call.trailing_metadata())
        said["unary"] = [
            reply == b"SUCCESS|" + raw + b"|hello", dict(call.initial_metadata())["x-first"],
            trailing["x-trailer"], trailing["x-raw-bin"] == raw]

        large = b"x" * (16 << 20)
        reply = channel.unary_unary(path("Unary"))(large, timeout=20)
        said["large"] = len(reply) - len(large)

        try:
            channel.unary_unary(path("Fail"))(b"", timeout=20)
        except grpc.RpcError as error:
            said["fail"] = [error.code().name, error.details()]
        try:
            channel.unary_unary(path("Nothing"))(b"", timeout=20)
        except grpc.RpcError as error:
            said["unknown"] = error.code().name

        said["download"] = sum(1 for _ in channel.unary_stream(path("Download"))(b"1000", timeout=20))
        said["upload"] = channel.stream_unary(path("Upload"))(iter([b"y" * 1000] * 500), timeout=20).decode()

        # Each waits for the other's word.
        turn = threading.Semaphore(1)

        def words():
            for number in range(5):
                turn.acquire()
                yield b"%d" % number

        heard = []
        for word in channel.stream_stream(path("Both"))(words(), timeout=20):
            heard.append(word.decode())
            turn.release()
        said["both"] = heard

        begun = time.monotonic()
        stalled = channel.unary_stream(path("Stall"))(b"", timeout=20)
        said["stall"] = next(stalled).decode()
        stalled.cancel()
        said["cancelled"] = channel.unary_unary(path("WasCancelled"))(b"", timeout=20).decode()
        said["soon"] = time.monotonic() - begun < 15

        try:
            for _ in channel.unary_stream(path("Stall"))(b"", timeout=0.5):
                pass
        except grpc.RpcError as error:
            said["deadline"] = error.code().name
        # Silent for longer than its pings.
        time.sleep(1)
        said["after"] = channel.unary_unary(path("Unary"))(b"", timeout=20).startswith(b"SUCCESS")

        for name, method in (("denied", "/closed/Method"), ("away", "/away/Method")):
            try:
                channel.unary_unary(method)(b"", timeout=20)
            except grpc.RpcError as error:
                said[name] = [error.code().name, error.details()]
    print(json.dumps(said))


if __name__ == "__main__":
    server() if sys.argv[1] == "server" else client(sys.argv[2])
