"""Who may come in: one-time links, sessions in their place, and the file that keeps them."""

import json
from pathlib import Path

import pytest

from amos_web import people
from amos_web.errors import TokenError
from amos_web.limits import LINK_MINUTES, SESSION_DAYS
from amos_web.people import People


def test_a_link_is_for_an_hour_and_a_session_for_its_days(tmp_path: Path) -> None:
    now_s = [1_000_000.0]
    known = People(tmp_path / "p", lambda: now_s[0])
    late, code = known.invite("late", "player"), known.invite("kim", "payee", "ann")
    person = known.enter(code)
    assert person is not None and (person.name, person.role, person.payee) == ("kim", "payee", "ann")
    assert known.enter(code) is None and known.of_session(person.sha256) == person
    link = next(each for each in known.all() if each.name == "late")
    assert known.of_session(link.sha256) is None, "a link is no session"
    now_s[0] += 60 * LINK_MINUTES
    assert known.enter(late) is None and [each.name for each in known.all()] == ["kim"]
    now_s[0] += SESSION_DAYS * 86_400
    assert known.of_session(person.sha256) is None and known.all() == []
    assert People(tmp_path / "p").enter(code) is None


def test_another_process_is_seen_at_once(tmp_path: Path) -> None:
    here, there = People(tmp_path / "p"), People(tmp_path / "p")
    code = here.invite("kim", "admin")
    person = there.enter(code)
    assert person is not None and here.of_session(person.sha256) == person
    here.take_away("kim")
    assert there.of_session(person.sha256) is None


def test_there_are_no_more_than_there_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "PEOPLE_MAX", 2)
    known = People(tmp_path / "p")
    for name in ("a", "b", "a"):
        known.invite(name, "player")
    with pytest.raises(TokenError, match="expected at most 2"):
        known.invite("c", "player")


@pytest.mark.parametrize(
    "kept",
    [
        b"",
        b"[]",
        b'{"people": 1}',
        b'{"people": [{"name": "x"}]}',
        b"[" * 9999,
        b"x" * (people.PEOPLE_FILE_BYTES_MAX + 1),
        json.dumps({"people": [dict(name="x", role="y", payee=None, sha256="z", made_unix_s="w")]}).encode(),
    ],
)
def test_a_file_that_is_none_is_named_and_lets_nobody_in(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "people.json").write_bytes(kept)
    with pytest.raises(TokenError, match=r"people\.json: expected people as they were kept"):
        People(tmp_path / "people.json").of_session("00")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="No such file"):
        People(tmp_path / "away" / "p").invite("kim", "player")
