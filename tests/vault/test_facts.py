"""What people state about a stem: every wrong field has its named error."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos_tools.stems import PPM, Split
from amos_tools.vault import StatedFacts, VaultError, errors, parse_facts
from amos_tools.vault.facts import parse_splits
from amos_tools.vault.sidecar import read_sheet, read_sidecar

MANY_PAYEES = ";".join(f"p{number}=1" for number in range(33))

BAD_FIELDS = [
    ("splits", "ada=999999", errors.SplitsDoNotSum, "999999"),
    ("splits", "ada=500000;bo=500001", errors.SplitsDoNotSum, "1000001"),
    ("splits", "ada=-1;bo=1000001", errors.BadSplit, "-1"),
    ("splits", "ada=0;bo=1000000", errors.BadSplit, "0"),
    ("splits", "ada=0.5;bo=0.5", errors.BadSplit, "0.5"),
    ("splits", "ada=1e6", errors.BadSplit, "1e6"),
    ("splits", "ada=９00000;bo=100000", errors.BadSplit, "９00000"),
    ("splits", "ada", errors.BadSplit, "ada"),
    ("splits", "ada=1000000;", errors.BadSplit, ""),
    ("splits", "ada=500000;ada=500000", errors.DuplicatePayee, "ada"),
    ("splits", "Ada North=1000000", errors.BadSlug, "Ada North"),
    ("splits", "-ada=1000000", errors.BadSlug, "-ada"),
    ("splits", "=1000000", errors.BadSlug, ""),
    ("splits", "a" * 65 + "=1000000", errors.BadSlug, "aaa"),
    ("splits", MANY_PAYEES, errors.TooManySplits, "33"),
    ("splits", "", errors.MissingFacts, "nothing"),
    ("title", "  ", errors.MissingFacts, "nothing"),
    ("title", "x" * 257, errors.BadText, "xxx"),
    ("title", "bell\x07", errors.BadText, "bell?"),
    ("title", "lone \ud800", errors.BadText, "lone ?"),
    ("artist", "é" * 129, errors.BadText, "éé"),
    ("role", "drums", errors.UnknownRole, "drums"),
    ("role", "Pads", errors.UnknownRole, "Pads"),
    ("key", "H minor", errors.UnknownKey, "H minor"),
    ("key", "d minor", errors.UnknownKey, "d minor"),
    ("key", "13A", errors.UnknownKey, "13A"),
    ("key", "D minorr", errors.UnknownKey, "D minorr"),
    ("tempo", "fast", errors.TempoOutOfRange, "fast"),
    ("tempo", "19.9", errors.TempoOutOfRange, "19.9"),
    ("tempo", "401", errors.TempoOutOfRange, "401"),
    ("tempo", "NaN", errors.TempoOutOfRange, "NaN"),
    ("tempo", "1e999999999", errors.TempoOutOfRange, "1e999999999"),
    ("beats", "0", errors.BeatsOutOfRange, "0"),
    ("beats", "4.5", errors.BeatsOutOfRange, "4.5"),
    ("beats", "4097", errors.BeatsOutOfRange, "4097"),
    ("opt_in", "", errors.OptInMissing, "nothing"),
    ("opt_in", "maybe", errors.OptInMissing, "maybe"),
    ("isrc", "GB-ABC-24-1", errors.BadIsrc, "GB-ABC-24-1"),
]


@pytest.mark.parametrize(("field", "text", "kind", "found"), BAD_FIELDS)
def test_a_wrong_field_is_refused_by_name(
    good: dict[str, str], field: str, text: str, kind: type[VaultError], found: str
) -> None:
    with pytest.raises(kind) as caught:
        parse_facts("harbour.wav", good | {field: text})
    assert caught.value.file == "harbour.wav"
    assert caught.value.field == field
    assert found in caught.value.found
    assert caught.value.expected


@pytest.mark.parametrize(("text", "kept"), [("8a", "A minor"), ("F#m", "F# minor"), ("D Dorian", "D dorian")])
def test_a_key_is_kept_in_one_spelling(good: dict[str, str], text: str, kept: str) -> None:
    assert parse_facts("harbour.wav", good | {"key": text}).key == kept


def test_good_facts_come_through(good: dict[str, str]) -> None:
    assert parse_facts("harbour.wav", good | {"tempo": "84.5"}) == StatedFacts(
        title="Harbour",
        artist="Ilse Maren",
        splits=(Split("ilse-maren", 700_000), Split("kite-publishing", 300_000)),
        role="pads",
        opt_in=True,
        key="D minor",
        tempo_mbpm=84_500,
        beats=16,
        isrc="GBABC2400001",
    )


def test_only_what_is_needed_is_required(good: dict[str, str]) -> None:
    facts = parse_facts("harbour.wav", good | dict.fromkeys(("key", "tempo", "beats", "isrc"), "") | {"opt_in": "No"})
    assert (facts.key, facts.tempo_mbpm, facts.beats, facts.isrc, facts.opt_in) == (None, None, None, None, False)


@given(st.lists(st.integers(1, PPM), min_size=1, max_size=32))
def test_splits_are_taken_exactly_when_they_sum_to_the_whole(shares: list[int]) -> None:
    text = ";".join(f"payee-{at}={ppm}" for at, ppm in enumerate(shares))
    if sum(shares) == PPM:
        assert [split.ppm for split in parse_splits("a.wav", text)] == shares
    else:
        with pytest.raises(errors.SplitsDoNotSum):
            parse_splits("a.wav", text)


@given(st.lists(st.integers(1, PPM), min_size=1, max_size=31))
def test_the_missing_share_completes_a_split(shares: list[int]) -> None:
    rest = PPM - sum(shares)
    if rest > 0:
        text = ";".join(f"payee-{at}={ppm}" for at, ppm in enumerate([*shares, rest]))
        assert sum(split.ppm for split in parse_splits("a.wav", text)) == PPM


@given(st.dictionaries(st.sampled_from(["title", "artist", "splits", "role", "opt_in", "tempo"]), st.text()))
def test_any_text_gives_facts_or_a_named_error(fields: dict[str, str]) -> None:
    try:
        facts = parse_facts("a.wav", fields)
    except VaultError as error:
        assert str(error).startswith("a.wav: ")
    else:
        assert sum(split.ppm for split in facts.splits) == PPM


def sidecar(tmp_path: Path, content: str | bytes) -> Path:
    """An audio path with this JSON beside it."""
    data = content.encode() if isinstance(content, str) else content
    (tmp_path / "a.json").write_bytes(data)
    return tmp_path / "a.wav"


def test_a_json_sidecar_says_the_same_as_a_row(tmp_path: Path, good: dict[str, str]) -> None:
    as_json = good | {"splits": {"ilse-maren": 700_000, "kite-publishing": 300_000}, "opt_in": True, "tempo": 84.0}
    assert read_sidecar(sidecar(tmp_path, json.dumps(as_json))) == parse_facts("a.wav", good)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("{", errors.BadSidecar),
        ("[]", errors.BadSidecar),
        ('{"title": "a", "title": "b"}', errors.BadSidecar),
        ('{"title": ["a"]}', errors.BadSidecar),
        ('{"tittle": "a"}', errors.BadSidecar),
        ('{"tempo": NaN}', errors.BadSidecar),
        ("[" * 100_000, errors.BadSidecar),
        (b'{"title": "\xff"}', errors.BadSidecar),
        (b" " * 70_000, errors.BadSidecar),
        ("{}", errors.MissingFacts),
        (
            '{"title": "a", "artist": "b", "role": "pads", "opt_in": true, "splits": {"ada": 500000, "ada": 500000}}',
            errors.DuplicatePayee,
        ),
    ],
)
def test_a_bad_sidecar_is_refused_by_name(tmp_path: Path, content: str | bytes, kind: type[VaultError]) -> None:
    with pytest.raises(kind):
        read_sidecar(sidecar(tmp_path, content))


def test_no_sidecar_is_no_facts(tmp_path: Path) -> None:
    with pytest.raises(errors.MissingFacts):
        read_sidecar(tmp_path / "a.wav")


HEADER = "file,title,artist,splits,role,opt_in\n"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "file,title\n",
        "file,title,artist,splits,role,opt_in,tempoo\n",
        "file,title,title,artist,splits,role,opt_in\n",
        HEADER + '"unclosed',
        b"\xff\xfe",
    ],
)
def test_a_bad_sheet_is_refused_whole(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "stems.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(errors.BadSidecar):
        read_sheet(path)


def test_a_missing_sheet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.MissingFile):
        read_sheet(tmp_path / "none.csv")


def test_a_wrong_row_refuses_its_own_file_only(tmp_path: Path) -> None:
    path = tmp_path / "stems.csv"
    rows = ["twice.wav,T,A,ada=1000000,pads,yes", "twice.wav,U,A,ada=1000000,pads,yes", "short.wav,S"]
    path.write_text(
        "\ufeff" + HEADER + "\n".join([*rows, "sub/good.wav,G,A,ada=1000000,pads,yes", "", "spare.wav,S,A,x,y,z"])
    )
    sheet = read_sheet(path)
    assert sheet.facts_for(tmp_path / "sub" / "good.wav").title == "G"
    with pytest.raises(errors.DuplicateRow):
        sheet.facts_for(tmp_path / "twice.wav")
    with pytest.raises(errors.BadSidecar):
        sheet.facts_for(tmp_path / "short.wav")
    with pytest.raises(errors.MissingFacts):
        sheet.facts_for(tmp_path / "absent.wav")
    assert [(type(error), error.file) for error in sheet.unused([tmp_path])] == [(errors.MissingFile, "spare.wav")]
