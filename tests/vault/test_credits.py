"""Codes and credits: what is stated comes back, what is wrong is refused by name, what is unstated stays so."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos.protocol.catalogue import AI_USES, Catalogue
from amos.protocol.cose import parse_typed
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX
from amos_cli.names import nfc
from amos_tools.pack.catalogue import export_catalogue
from amos_tools.stems import NO_CREDITS, Composer, Credits
from amos_tools.vault import StatedFacts, Vault, VaultError, errors, parse_facts
from amos_tools.vault.facts import stated_texts
from amos_tools.vault.sidecar import read_sidecar

STATED = {
    "iswc": "T-034.524.680-1",
    "composers": "Ada North=141073380; Cy Reed",
    "publisher": "Kite Publishing",
    "label": "Harbour Records",
    "upc": "0-36000-29145-2",
    "ai_use": "assisted",
    "training": "no",
}
CREDITS = Credits(
    iswc="T0345246801",
    composers=(Composer("Ada North", "00141073380"), Composer("Cy Reed")),
    publisher="Kite Publishing",
    label="Harbour Records",
    upc="036000291452",
    ai_use="assisted",
    training=False,
)
MANY = ";".join(f"c{number}" for number in range(17))

BAD_FIELDS = [
    ("isrc", "XX-ABC-24-00001", errors.BadIsrc, "XX-ABC"),
    ("isrc", "GB-ABC-24-0000", errors.BadIsrc, "GB-ABC"),
    ("iswc", "T-034.524.680-2", errors.BadIswc, "T-034"),
    ("iswc", "T-034.524.68-1", errors.BadIswc, "T-034"),
    ("iswc", "T-034.524.68٠-1", errors.BadIswc, "T-034"),
    ("upc", "036000291453", errors.BadUpc, "036"),
    ("upc", "36000291452", errors.BadUpc, "360"),
    ("upc", "twelve", errors.BadUpc, "twelve"),
    ("composers", "Ada=12345678", errors.BadComposer, "Ada"),
    ("composers", "Ada=123456789012", errors.BadComposer, "Ada"),
    ("composers", "Ada;;Cy", errors.BadComposer, ""),
    ("composers", "=123456789", errors.BadComposer, "=1"),
    ("composers", "Ada;Ada", errors.BadComposer, "Ada"),
    ("composers", MANY, errors.BadComposer, "17"),
    ("composers", "bell\x07", errors.BadText, "bell?"),
    ("publisher", "x" * 257, errors.BadText, "xxx"),
    ("label", "tab\there", errors.BadText, "tab?"),
    ("ai_use", "some", errors.UnknownAiUse, "some"),
    ("ai_use", "None", errors.UnknownAiUse, "None"),
    ("training", "maybe", errors.TrainingUnclear, "maybe"),
]


@pytest.mark.parametrize(("field", "text", "kind", "found"), BAD_FIELDS)
def test_a_wrong_credit_is_refused_by_name(
    good: dict[str, str], field: str, text: str, kind: type[VaultError], found: str
) -> None:
    with pytest.raises(kind) as caught:
        parse_facts("harbour.wav", good | {field: text})
    assert (caught.value.file, caught.value.field) == ("harbour.wav", field)
    assert found in caught.value.found and caught.value.expected


def test_what_is_stated_comes_through_and_nothing_is_guessed(good: dict[str, str]) -> None:
    assert parse_facts("harbour.wav", good | STATED).credits == CREDITS
    assert parse_facts("harbour.wav", good).credits == NO_CREDITS == Credits()
    assert (NO_CREDITS.ai_use, NO_CREDITS.training) == (None, None)


def test_a_json_sidecar_may_state_composers_as_an_object(tmp_path: Path, good: dict[str, str]) -> None:
    stated = good | STATED | {"composers": {"Ada North": "141073380", "Cy Reed": None}, "training": False}
    (tmp_path / "a.json").write_text(json.dumps(stated))
    assert read_sidecar(tmp_path / "a.wav").credits == CREDITS


# Filtering alone throws so much away that Hypothesis now and then gives up.
LETTERS = st.characters(exclude_categories=["C", "Z"], include_characters=" ", exclude_characters=";=")
NAMES = (
    st.text(LETTERS, min_size=1, max_size=15)
    .map(lambda text: nfc(text).strip())
    .filter(lambda text: bool(text) and text.isprintable() and not {";", "="} & set(text) and len(text.encode()) <= 60)
)
SOME_CREDITS = st.builds(
    Credits,
    iswc=st.sampled_from([None, "T0345246801", "T0000000010"]),
    composers=st.lists(
        st.builds(Composer, NAMES, st.none() | st.integers(0, 10**11 - 1).map("{:011}".format)),
        max_size=16,
        unique_by=lambda who: who.name,
    ).map(tuple),
    publisher=st.none() | NAMES,
    label=st.none() | NAMES,
    upc=st.sampled_from([None, "036000291452", "73513537"]),
    ai_use=st.sampled_from([None, *AI_USES]),
    training=st.sampled_from([None, True, False]),
)


@given(credits=SOME_CREDITS)
def test_stated_texts_give_the_same_facts_again(credits: Credits, harbour_vault: Vault) -> None:
    [stem] = harbour_vault.stems()
    again = parse_facts("harbour.wav", stated_texts(replace(stem, credits=credits)))
    assert again.credits == credits
    for name in ("title", "artist", "splits", "role", "opt_in", "key", "tempo_mbpm", "beats", "isrc"):
        assert getattr(again, name) == getattr(stem, name)


@given(credits=SOME_CREDITS)
def test_the_signed_catalogue_says_what_the_vault_holds(credits: Credits, harbour_vault: Vault) -> None:
    [stem] = harbour_vault.stems()
    harbour_vault._catalogue.put([replace(stem, credits=credits)])
    [held] = harbour_vault.stems()
    assert held.credits == credits
    signed = export_catalogue(harbour_vault, bytes(32))
    read = Catalogue.decode(parse_typed(signed, "amos-catalogue+cose", CATALOGUE_BYTES_MAX).payload)
    [work] = read.works
    assert read.version == 2
    assert [(who.name, who.ipi) for who in work.composers or []] == [(who.name, who.ipi) for who in credits.composers]
    assert (work.iswc, work.publisher, work.label, work.upc) == (
        credits.iswc, credits.publisher, credits.label, credits.upc
    )  # fmt: skip
    assert (None if work.ai_use is None else AI_USES[work.ai_use], work.training) == (credits.ai_use, credits.training)


def test_an_edit_changes_what_is_named_and_takes_away_what_is_emptied(vault: Vault, facts: StatedFacts) -> None:
    stem = vault.import_samples(np.ones((4000, 1), np.int16), facts)
    other = vault.import_samples(np.ones((4001, 1), np.int16), facts)
    [edited] = vault.edit([stem], STATED | {"title": "Fog", "isrc": ""})
    assert edited == replace(stem, title="Fog", isrc=None, credits=CREDITS)
    assert {held.stem_id: held for held in vault.stems()} == {stem.stem_id: edited, other.stem_id: other}
    [cleared] = vault.edit([edited], dict.fromkeys(STATED, ""))
    assert cleared.credits == NO_CREDITS


def test_an_edit_that_is_wrong_in_one_stem_changes_none(vault: Vault, facts: StatedFacts) -> None:
    stems = [vault.import_samples(np.ones((4000 + n, 1), np.int16), facts) for n in range(2)]
    with pytest.raises(errors.BadUpc):
        vault.edit(stems, {"label": "Harbour", "upc": "1"})
    with pytest.raises(errors.NotEditable):
        vault.edit(stems, {"opt_in": "no"})
    with pytest.raises(errors.BadSidecar, match=r"composer.*composers"):
        vault.edit(stems, {"composer": "Ada"})
    assert sorted(vault.stems(), key=lambda stem: stem.frames) == stems


def test_an_edit_of_an_opted_out_stem_leaves_it_so(vault: Vault, facts: StatedFacts) -> None:
    stem = vault.import_samples(np.ones((4000, 1), np.int16), facts)
    vault.opt_out([stem.stem_id])
    [edited] = vault.edit(vault.stems(), {"label": "Harbour"})
    assert not edited.opt_in
    assert vault.published_stems() == [edited]
