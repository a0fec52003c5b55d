"""Photos from the web, from a server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sharp_cli.batch import web
from sharp_cli.batch.web import fetch_photo, is_web, name_of
from sharp_cli.errors import SharpError

PHOTO = b"\xff\xd8\xff" + b"photo" * 100


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/photos/a%20b.jpg")
            self.end_headers()
            return
        code = 404 if "missing" in self.path else 200
        self.send_response(code)
        self.send_header("Content-Type", "text/html" if "page" in self.path else "image/jpeg")
        if "endless" not in self.path:
            self.send_header("Content-Length", str(1 << 40 if "huge" in self.path else len(PHOTO)))
        self.end_headers()
        if "cut" in self.path:
            self.wfile.write(PHOTO[:10])
        elif "huge" not in self.path:
            self.wfile.write(PHOTO * (10 if "endless" in self.path else 1))

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def test_a_photo_is_fetched_through_a_redirect(server: str, tmp_path: Path) -> None:
    assert fetch_photo(f"{server}/photos/a%20b.jpg?x=1", tmp_path).read_bytes() == PHOTO
    assert (tmp_path / "a b.jpg").exists()
    assert fetch_photo(f"{server}/moved.jpg", tmp_path).read_bytes() == PHOTO


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing.jpg", "404"),
        ("page.jpg", "text/html"),
        ("huge.jpg", "MiB"),
        ("endless.jpg", "more than 0 MiB"),
        ("cut.jpg", "cannot fetch"),
    ],
)
def test_what_is_no_photo_or_too_large_is_one_sentence(
    server: str, tmp_path: Path, path: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "MAX_BYTES", len(PHOTO) * 2)
    with pytest.raises(SharpError) as caught:
        fetch_photo(f"{server}/{path}", tmp_path)
    text = str(caught.value)
    assert reason in text and f"{server}/{path}" in text and "\n" not in text


def test_a_photo_that_takes_too_long_or_has_no_server_is_given_up(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "ALL_SECONDS", -1.0)
    with pytest.raises(SharpError, match="takes more than"):
        fetch_photo(f"{server}/a.jpg", tmp_path)
    for address in ("http://127.0.0.1:1/a.jpg", "http://[::1/a.jpg", "https://", "http://127.0.0.1:99999/a.jpg"):
        with pytest.raises(SharpError, match="cannot fetch"):
            fetch_photo(address, tmp_path)


def test_names_stay_in_their_folder() -> None:
    assert name_of("https://x.org/a/b.jpg?size=large") == "b.jpg"
    assert name_of("https://x.org/..%2f..%2fetc%2fpasswd") == "passwd"
    assert name_of("https://x.org/a%00%5cb:c.jpg") == "a_b_c.jpg"
    assert name_of("https://x.org/") == name_of("https://x.org") == name_of("https://x.org/..") == "photo"
    assert len(name_of("https://x.org/" + "n" * 900 + ".jpg")) <= web.LONGEST_NAME
    assert is_web("HTTPS://x.org/a.jpg") and not is_web("https.jpg") and not is_web("s3://b/a.jpg")
