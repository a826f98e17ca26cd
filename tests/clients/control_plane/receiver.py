"""A web server in the test, which keeps what it is sent."""

import contextlib
import http.server
import queue
import threading
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from control_plane.harness import DEADLINE


@dataclass
class Request:
    """What the server was sent."""

    method: str
    path: str
    query: dict
    headers: dict
    body: bytes


class Receiver:
    """Where the server is, and what it was sent."""

    def __init__(self):
        self.requests = queue.Queue()
        self.url = None

    def next(self):
        """The next request, as soon as it comes."""
        return self.requests.get(timeout=DEADLINE)


def handler(receiver, status):
    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            receiver.requests.put(Request(self.command, url.path, query, headers, body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = answer

        def log_message(self, *_):
            """Nothing: the checks say what was wrong."""

    return Handler


@contextlib.contextmanager
def receiver(status=200):
    """A web server that answers everything with this status."""
    made = Receiver()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(made, status))
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
