"""On which databases a test of the ledger runs: on both, unless it says otherwise."""

import pytest

only_sqlite = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
"""For what is about SQLite's file, or copies a ledger's folder to have a second ledger."""

only_postgres = pytest.mark.parametrize("kind", ["postgres"], indirect=True)
"""For what several processes on one server do."""
