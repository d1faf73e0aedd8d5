"""The attribution registry: who made what, what was declared, and that what was not is no consent."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_cells import pieces, rows_of

from amos.protocol.catalogue import AI_USES
from amos_tools.report import registry as module
from amos_tools.report.registry import COLUMNS, JSON_BEGINNING, registry_csv, registry_json
from amos_tools.stems import NO_CREDITS, Composer, Credits, Split, StemFacts

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10) | st.sampled_from(
    ["=1", "a|b", "\\"]
)
CREDITS = st.builds(
    Credits,
    iswc=st.sampled_from([None, "T0345246801"]),
    composers=st.lists(st.builds(Composer, TEXTS, st.sampled_from([None, "00014107338"])), max_size=3).map(tuple),
    publisher=st.none() | TEXTS,
    label=st.none() | TEXTS,
    upc=st.sampled_from([None, "036000291452"]),
    ai_use=st.sampled_from([None, *AI_USES]),
    training=st.sampled_from([None, True, False]),
)


def a_stem(credits: Credits = NO_CREDITS, title: str = "Fog", number: int = 1) -> StemFacts:
    return StemFacts(
        stem_id=bytes([number]) * 16, sha256=bytes([number]) * 32, title=title, artist="Ada", role="pads", key=None,
        tempo_mbpm=None, beats=None, rate_hz=44_100, frames=1, channels=1, loudness_mlufs=-70_000, opt_in=True,
        splits=(Split("ada", 600_000), Split("cy", 400_000)), isrc=None, credits=credits,
    )  # fmt: skip


@given(credits=CREDITS, title=TEXTS)
def test_both_forms_say_the_same(credits: Credits, title: str) -> None:
    stem = a_stem(credits, title)
    [told] = json.loads(registry_json([stem]))["stems"]
    [row] = rows_of(registry_csv([stem]), COLUMNS)
    assert (told["title"], told["sha256"], told["part"]) == (row["title"], row["sha256"], row["part"])
    assert [who["name"] for who in told["creators"]] == pieces(row["creators"])
    assert [who["role"] for who in told["creators"]] == pieces(row["roles"])
    assert [who["ipi"] or "" for who in told["creators"]] == pieces(row["ipis"])
    assert [(split["payee"], str(split["ppm"])) for split in told["splits"]] == list(
        zip(pieces(row["payees"]), pieces(row["shares_ppm"]), strict=True)
    )
    assert (told["ai_use"], told["training"]) == (row["ai_use"], row["training"])
    assert all((told[name] or "") == row[name] for name in ("isrc", "iswc", "upc"))


@pytest.mark.parametrize(
    ("credits", "ai_use", "training"),
    [
        (NO_CREDITS, "undeclared", "undeclared"),
        (Credits(ai_use="none", training=False), "none", "not_allowed"),
        (Credits(ai_use="generated", training=True), "generated", "allowed"),
    ],
)
def test_what_was_never_declared_is_neither_yes_nor_no(credits: Credits, ai_use: str, training: str) -> None:
    [told] = json.loads(registry_json([a_stem(credits)]))["stems"]
    assert (told["ai_use"], told["training"]) == (ai_use, training)


def test_stems_stand_in_the_order_of_their_ids_and_the_file_says_what_it_is() -> None:
    stems = [a_stem(number=2), a_stem(number=1)]
    assert registry_json(stems) == registry_json(stems[::-1]) and registry_csv(stems) == registry_csv(stems[::-1])
    assert registry_json(stems).startswith(JSON_BEGINNING) and json.loads(registry_json(stems))["format"] == (
        "amos-registry/1"
    )


def test_the_page_tells_of_every_column_in_its_order() -> None:
    page = (Path(module.__file__).parent / "REPORTS.md").read_text()
    table = page.split("## Attribution registry")[1].split("\n## ")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == COLUMNS
