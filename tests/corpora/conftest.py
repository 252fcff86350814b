"""A publisher of files on this machine whose connection can be bad."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

MOST_REQUESTS = 100


class Publisher:
    """files: path -> bytes.  cut_after: bytes sent of each answer before the connection ends; None sends all.

    length: what it says in place of the length; None says nothing.
    has_ranges: whether it can begin in the middle.  refusals: status codes for the next requests.
    asked: (path, Range header) of every request.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, bytes] = {}
        self.cut_after: int | None = None
        self.length: str | None = ""
        self.has_ranges = True
        self.refusals: list[int] = []
        self.asked: list[tuple[str, str | None]] = []


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr("vqaudio.corpora.fetch.downloads.FIRST_PAUSE_S", 0.0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            here.asked.append((self.path, asked))
            if len(here.asked) > MOST_REQUESTS:  # so that who asks for ever fails instead
                self.send_error(404)
                return
            if here.refusals:
                self.send_error(here.refusals.pop(0))
                return
            if self.path not in here.files:
                self.send_error(404)
                return
            whole = here.files[self.path]
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and here.has_ranges else 0
            if start >= len(whole) > 0:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if here.length is not None:
                self.send_header("Content-Length", here.length or str(len(whole) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
            self.end_headers()
            self.wfile.write(whole[start:][: here.cut_after])

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        here = Publisher(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield here
        server.shutdown()
        thread.join()
