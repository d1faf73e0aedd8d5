"""Bounds of what the pages read and show, with their reasons."""

LOOK_S_MIN = 5.0
"""Between two looks at the store: people see no difference, and a ledger of ten thousand players is read in half a
second."""

LOOK_SHARE = 20
"""A look is followed by a rest so many times as long, so that looking takes at most a twentieth of a core."""

STALE_S = 60
"""What is older is shown as old, beside three times the rest between two looks."""

TAGS_AGAIN_S = 0.5
"""Between two looks at the desk's file of tags, which is read where it has changed."""

BROKER_AGAIN_S = 10.0
"""After a broker that could not be reached."""

HISTORY_SEGMENTS_MAX = 10_000
"""Of a device's history: ten weeks of segments of ten minutes."""

HISTORY_DAYS_MAX = 62
SESSIONS_MAX = 30
WAITING_ROWS_MAX = 200
"""Of held segments, and of evidence; the command line tells all."""

READERS_MAX = 2
"""Reads of the store at once that somebody waits for; each keeps a thread."""

READ_WAIT_S = 5.0
"""For a turn among those; then the page says that too many ask."""

BACK_MAX = 40
BACK_S = 86_400
"""Stems that one payee brings back within so long: a whole record by hand, and no log filled."""

CHANGE_WAIT_S = 10.0
"""For a turn to withdraw a stem, while the broker may be asked; then the page says to try again."""

CASE_LETTERS_MAX = 600
"""Of a message to the operator or an answer: a form has 4,096 bytes, and a letter up to six of them on its way."""

CASES_WAITING_MAX = 10
"""Of one payee: who writes more waits for an answer first."""

CASES_MAX = 4096
CASES_FILE_BYTES_MAX = 1 << 24
"""So many, each with a text and an answer as long as they may be."""
