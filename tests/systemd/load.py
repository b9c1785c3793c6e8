"""Clients that call the gateway without a pause, and count every call that is not answered as it must be."""

import http.client
import random
import ssl
import threading
import time

try:
    import h2_client
except ImportError:
    h2_client = None

HOST, PORT = "127.0.0.1", 443
PLACE = "/etc/mtls-gateway"


def context():
    tls = ssl.create_default_context(cafile=f"{PLACE}/server-ca.crt")
    tls.load_cert_chain(f"{PLACE}/caller.crt", f"{PLACE}/caller.key")
    return tls


def connect(patience=20):
    return http.client.HTTPSConnection(HOST, PORT, timeout=patience, context=context())


def call(connection=None, patience=20):
    """One request; the app's answer. Anything else is an exception."""
    connection = connection or connect(patience)
    connection.request("GET", "/", headers={"Host": "localhost"})
    response = connection.getresponse()
    body = response.read()
    if response.status != 200 or body != b"allowed":
        raise AssertionError(f"{response.status} {body!r}")
    return response


class Load:
    """`fresh` clients open a connection for each call; `lasting` ones keep theirs and pause up to `pause` seconds
    between calls; `multiplexing` ones do over HTTP/2, several calls at a time; one uploads slowly. No call is ever made a
    second time, except one that HTTP/2 says was never begun; those are counted as `again`."""

    def __init__(self, fresh=3, lasting=6, pause=0.6, multiplexing=2):
        self.sent, self.again, self.failed, self.longest = 0, 0, [], 0.0
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.fresh) for _ in range(fresh)]
        self.threads += [threading.Thread(target=self.lasting, args=[pause]) for _ in range(lasting)]
        self.threads += [threading.Thread(target=self.uploading)]
        if h2_client:
            self.threads += [threading.Thread(target=self.multiplexing) for _ in range(multiplexing)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        time.sleep(0.7)
        return self

    def __exit__(self, *_):
        time.sleep(0.7)
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def count(self, kind, calling):
        began = time.monotonic()
        try:
            result, failure = calling(), None
        except Exception as error:  # whatever it is, a call was lost
            result, failure = None, f"{kind}: {type(error).__name__} {error}"
        with self.lock:
            self.sent += 1
            self.longest = max(self.longest, time.monotonic() - began)
            if failure:
                self.failed.append(failure)
        return result

    def fresh(self):
        while not self.ended.wait(0.01):
            connection = connect()
            self.count("fresh", lambda: call(connection))
            connection.close()

    def lasting(self, pause):
        connection = None
        while not self.ended.wait(random.uniform(0, pause)):
            connection = connection or connect()
            kind = "lasting, used" if connection.sock else "lasting, new"
            response = self.count(kind, lambda: call(connection))
            # A connection that the gateway has said good-bye to is not used again.
            if response is None or response.will_close:
                connection.close()
                connection = None

    def uploading(self):
        def upload():
            connection = connect()
            parts = (time.sleep(0.15) or b"x" * 1000 for _ in range(12))
            connection.request("POST", "/", body=parts, headers={"Host": "localhost"})
            response = connection.getresponse()
            if response.status != 200 or response.read() != b"12000":
                raise AssertionError(f"an upload came to {response.status}")

        while not self.ended.is_set():
            self.count("upload", upload)

    def multiplexing(self):
        client = None
        while not self.ended.wait(random.uniform(0, 0.1)):
            streams = []
            began = time.monotonic()
            try:
                client = client or h2_client.Client(context(), (HOST, PORT))
                client.look()
                if not client.is_leaving:
                    for _ in range(random.randint(1, 4)):
                        streams.append(client.ask())
                    client.finish(streams)
                failure = None
            except Exception as error:  # whatever it is, calls were lost
                failure = f"h2: {type(error).__name__} {error}"
                if client and not streams and isinstance(error, ConnectionError):
                    # Closed while nothing ran and nothing was sent.
                    failure = None
            answers = [client.answers[one] for one in streams] if client else []
            wrong = [one for one in answers if one["is_whole"] and (one["status"], one["body"]) != ("200", b"allowed")]
            with self.lock:
                self.again += sum(client.is_refused(one) for one in streams) if client else 0
                self.sent += len(streams)
                self.longest = max(self.longest, time.monotonic() - began)
                self.failed += [f"h2: {one}" for one in wrong]
                if failure:
                    unanswered = sum(not one["is_whole"] for one in answers)
                    self.failed += [failure] * max(unanswered, 1)
            if client and (failure or client.is_leaving or not streams):
                client.close()
                client = None

    def report(self, what):
        lost = len(self.failed)
        again = f", {self.again} never begun" if h2_client else ""
        print(f"{what}: {self.sent} sent, {lost} lost{again}, longest {self.longest:.2f} s", flush=True)
        assert not self.failed, self.failed[:5]
        assert self.sent > 20, "hardly anything was sent"
