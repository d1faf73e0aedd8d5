"""What a database raises: SQLite's own errors, and those of PostgreSQL as classes of ours, so that whoever catches them
needs no driver. What they mean depends on the caller."""

import sqlite3


class PostgresFailed(Exception):
    """PostgreSQL refused; the sentence is the server's first, without what was sent to it."""


class PostgresUnavailable(PostgresFailed):
    """The server is not to be had, or is full, or waits for somebody else: that says nothing of what is stored."""


class ConnectionLost(PostgresUnavailable):
    """The connection ended. What was committed at that moment may have happened or not."""


class Conflict(PostgresUnavailable):
    """Another transaction was in the way, and this one was undone; the same again may do."""


DATABASE_ERRORS = (sqlite3.Error, PostgresFailed)
"""Everything that a database raises."""

DATABASE_UNAVAILABLE = (sqlite3.OperationalError, PostgresUnavailable)
"""What says nothing of what is stored: the disk refuses, or somebody holds it."""

DATABASE_DAMAGED = (sqlite3.DatabaseError, PostgresFailed)
"""What damaged storage raises, among other causes."""
