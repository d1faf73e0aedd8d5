"""`amos pack delegate`: which stems a ledger's key may silence, as the publisher signs it."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from amos.crypto import public_key, verify
from amos.protocol.delegated import DELEGATED_MAX, Delegation, open_delegation, stem_ids_of
from amos_tools.pack.cli import app
from amos_tools.pack.delegation import make_delegation
from amos_tools.pack.errors import NotRepresentable
from amos_tools.vault import Vault

SEED, KEY, LEDGER = bytes(range(32)), public_key(b"d" * 32), public_key(b"l" * 32)


@pytest.fixture
def site(vault: Vault, tmp_path: Path) -> Path:
    (tmp_path / "publisher.key").write_text(SEED.hex() + "\n")
    return tmp_path


def delegate(site: Path, *stems: str, **changed: Any) -> Any:
    options = {
        "vault": site / "vault",
        "key": KEY.hex(),
        "ledger-key": LEDGER.hex(),
        "serial": "1",
        "publisher-key-file": site / "publisher.key",
        "out": site / "delegation.cose",
    } | changed
    words = [f"--{name}" if value is True else f"--{name}={value}" for name, value in options.items()]
    return CliRunner().invoke(app, ["delegate", *stems, *words])


def signed(site: Path) -> Delegation:
    return open_delegation((site / "delegation.cose").read_bytes(), public_key(SEED), verify)


def test_all_that_was_ever_offered_is_delegated_or_what_is_named(site: Path) -> None:
    with Vault(site / "vault") as vault:
        offered = {stem.stem_id for stem in vault.published_stems()}
        one = next(stem for stem in vault.stems() if stem.opt_in)
        by_artist = {stem.stem_id for stem in vault.stems() if stem.artist == one.artist}
    done = delegate(site, days="7")
    assert done.exit_code == 0 and f"delegation 1 of {len(offered)} stems for 7 days" in done.output
    found = signed(site)
    assert set(stem_ids_of(found)) == offered and (found.key, found.ledger, found.serial) == (KEY, LEDGER, 1)
    assert found.until_unix_s - found.since_unix_s == 7 * 86_400 + 3600, "a ledger's clock may be behind"
    assert f"by the publisher's key {public_key(SEED).hex()}" in done.output
    assert delegate(site, one.stem_id.hex()[:8], serial="2").exit_code == 0
    assert set(stem_ids_of(signed(site))) == {one.stem_id}
    assert delegate(site, serial="3", artist=one.artist).exit_code == 0
    assert set(stem_ids_of(signed(site))) == by_artist
    assert signed(site).batches_from is None
    assert delegate(site, serial="4", none=True).exit_code == 0 and signed(site).ids is None
    assert delegate(site, serial="5", **{"batches-from": "70"}).exit_code == 0 and signed(site).batches_from == 70


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"key": "ab"}, "--key"),
        ({"ledger-key": "ab"}, "--ledger-key"),
        ({"artist": "Lamplight", "none": True}, "--none: expected no STEM"),
        ({"serial": "-1"}, "NotRepresentable"),
        ({"batches-from": "-1"}, "NotRepresentable"),
        ({"days": "0"}, "days"),
        ({"artist": "Nobody"}, "Nobody"),
    ],
)
def test_what_cannot_be_signed_is_refused_by_name(site: Path, changed: dict[str, Any], said: str) -> None:
    done = delegate(site, **changed)
    assert done.exit_code and said in done.output and not (site / "delegation.cose").exists(), done.output


def test_a_key_silences_no_more_stems_than_a_board_holds(site: Path) -> None:
    with Vault(site / "vault") as vault:
        stem = vault.stems()[0]
    with pytest.raises(NotRepresentable, match=f"at most {DELEGATED_MAX} stems, found {DELEGATED_MAX + 1}; name them"):
        make_delegation([stem] * (DELEGATED_MAX + 1), SEED, KEY, LEDGER, 1, 0, 1)
