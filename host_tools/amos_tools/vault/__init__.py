"""The vault: where artists' stems, splits and opt-ins are kept."""

from amos_tools.vault.errors import VaultError
from amos_tools.vault.facts import StatedFacts, parse_facts
from amos_tools.vault.vault import ImportReport, Vault

__all__ = ["ImportReport", "StatedFacts", "Vault", "VaultError", "parse_facts"]
