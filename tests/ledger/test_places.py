"""Places that others made: mirrors on a disk and on the web."""

import base64
import os
from pathlib import Path

import pytest
from misbehaving_web import MisbehavingWeb, Request

from amos_places.errors import PlaceFailed, PlaceRefused, PlaceUnusable
from amos_places.folder import FolderPlace
from amos_places.named import place_at, source_at

SECRET = "p:w d"


def test_a_mirror_behind_a_password_is_read_and_the_password_never_shown() -> None:
    def script(request: Request) -> None:
        login = request.headers.get("authorization", "").removeprefix("Basic ")
        good = base64.b64decode(login) == f"ada:{SECRET}".encode()
        request.answer("200 OK" if good else "401 Unauthorized", b"what was asked for")

    with MisbehavingWeb(script) as web:
        host = web.url.removeprefix("http://")
        mirror = source_at(f"http://ada:p%3Aw%20d@{host}/log").below("audit")
        assert mirror.name == f"http://ada@{host}/log/audit"
        assert mirror.read("checkpoint", 100) == b"what was asked for"
        assert web.requests[-1].path == "/log/audit/checkpoint"
        with pytest.raises(PlaceRefused, match="401") as refused:
            source_at(f"http://ada:wrong@{host}").read("checkpoint", 100)
    assert "wrong" not in str(refused.value)
    with pytest.raises(PlaceUnusable) as unusable:
        place_at("http://ada:secret@mirror.example/log", Path())
    assert "secret" not in str(unusable.value)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "checkpoint")
    (tmp_path / "tile").mkdir()
    for name in ("checkpoint", "tile"):
        with pytest.raises(PlaceFailed, match=name):
            FolderPlace(tmp_path).read(name, 100)
