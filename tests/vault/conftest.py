"""A vault and the facts of a stem, for the vault's tests."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from amos_tools.vault import StatedFacts, Vault, parse_facts

GOOD = {
    "title": "Harbour",
    "artist": "Ilse Maren",
    "splits": "ilse-maren=700000;kite-publishing=300000",
    "role": "pads",
    "key": "D minor",
    "tempo": "84",
    "beats": "16",
    "opt_in": "yes",
    "isrc": "GB-ABC-24-00001",
}


@pytest.fixture
def good() -> dict[str, str]:
    """The fields of a good CSV row; tests spoil one."""
    return dict(GOOD)


@pytest.fixture
def facts(good: dict[str, str]) -> StatedFacts:
    """The same, parsed."""
    return parse_facts("harbour.wav", good)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """An empty vault at 44.1 kHz."""
    with Vault.init(tmp_path / "vault") as vault:
        yield vault


@pytest.fixture(scope="session")
def harbour_vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """A vault with one stem, for tests that write its facts anew each time."""
    with Vault.init(tmp_path_factory.mktemp("harbour") / "vault") as vault:
        vault.import_samples(np.ones((4000, 1), np.int16), parse_facts("harbour.wav", GOOD))
        yield vault
