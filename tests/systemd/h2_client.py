"""An HTTP/2 client of its own kind: Python's `h2`, except that GOAWAY is read here, because `h2` takes it for the end of
everything. Raises ImportError where `h2` is not installed."""

import glob
import socket
import ssl
import sys

# Wheels that somebody has put beside the tests; they need no installation.
sys.path[:0] = glob.glob("/opt/wheels/*.whl")

import h2.config
import h2.connection
import h2.events

GOAWAY = 7


class Client:
    """One connection. `is_leaving` once the gateway has said so: no new stream may be begun then."""

    def __init__(self, tls, address, patience=20):
        tls.set_alpn_protocols(["h2"])
        plain = socket.create_connection(address, timeout=patience)
        self.socket = tls.wrap_socket(plain, server_hostname="localhost")
        assert self.socket.selected_alpn_protocol() == "h2"
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.state.initiate_connection()
        self.unread, self.answers, self.is_leaving, self.last_stream = b"", {}, False, None
        self.flush()

    def flush(self):
        self.socket.sendall(self.state.data_to_send())

    def ask(self):
        """Begins a request; its stream."""
        stream = self.state.get_next_available_stream_id()
        head = [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/")]
        self.state.send_headers(stream, head, end_stream=True)
        self.answers[stream] = {"status": None, "body": b"", "is_whole": False}
        self.flush()
        return stream

    def is_refused(self, stream):
        """Whether the gateway has said that it never began this one: it may be asked again elsewhere."""
        return self.last_stream is not None and stream > self.last_stream

    def finish(self, streams):
        """Reads until all of these are answered or refused."""
        while not all(self.answers[one]["is_whole"] or self.is_refused(one) for one in streams):
            self.read()

    def read(self):
        bytes = self.socket.recv(65536)
        if not bytes:
            raise ConnectionError("closed while requests ran")
        self.unread += bytes
        while len(self.unread) >= 9:
            length = 9 + int.from_bytes(self.unread[:3], "big")
            if len(self.unread) < length:
                return
            frame, self.unread = self.unread[:length], self.unread[length:]
            if frame[3] == GOAWAY:
                self.is_leaving = True
                self.last_stream = int.from_bytes(frame[9:13], "big") & 0x7FFFFFFF
                assert frame[13:17] == b"\0\0\0\0", f"GOAWAY says error {frame[13:17]!r}"
                continue
            for event in self.state.receive_data(frame):
                self.happened(event)
            self.flush()

    def happened(self, event):
        if isinstance(event, h2.events.ResponseReceived):
            self.answers[event.stream_id]["status"] = dict(event.headers)[":status"]
        elif isinstance(event, h2.events.DataReceived):
            self.answers[event.stream_id]["body"] += event.data
            self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.answers[event.stream_id]["is_whole"] = True
        elif isinstance(event, h2.events.StreamReset):
            raise ConnectionError(f"stream {event.stream_id} was reset: {event.error_code!r}")

    def look(self):
        """Takes what has come, without waiting for more."""
        self.socket.settimeout(0)
        try:
            self.read()
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        finally:
            self.socket.settimeout(20)

    def close(self):
        self.socket.close()
