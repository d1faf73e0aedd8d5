"""Every bound of what is served, with its reason."""

BODY_BYTES_MAX = 4096
"""Of a request: the longest form has a name and a number."""

UNREAD_BYTES_MAX = 1 << 17
"""Of a body that is refused, read and forgotten so that its sender can read why; who sends more is cut off."""

FIELDS_MAX = 8
"""Of a form."""

BODY_S_MAX = 10
"""A phone sends so little at once; who drips it is not waited for."""

STREAMS_MAX = 256
"""Event streams open at once: each costs some ten kilobytes."""

CONNECTIONS_MAX = 384
"""Room for requests beside a full set of streams."""

EVENTS_WAITING_MAX = 8
"""Of one stream: what is not read by then is not read, and the stream ends; its reader opens another."""

SEND_S_MAX = 15
"""A reader that takes nothing for so long has gone, or does not keep up."""

BEAT_S = 10
"""Between two signs of life on a stream: a page that hears none for three times as long shows that it is stale."""

WRONG_TOKENS_MAX = 10
"""Of one address within `WRONG_TOKENS_S`; what comes after is not looked at until the time is over."""

WRONG_TOKENS_S = 60

ADDRESSES_MAX = 1024
"""Addresses remembered for their wrong tokens; the oldest give way."""

TOKENS_MAX = 64
"""Of one venue: more than it has people with a phone."""

TOKENS_FILE_BYTES_MAX = 1 << 16

PEOPLE_MAX = 4096
"""Of one ledger: its operators, and the payees who look at their statements."""

PEOPLE_FILE_BYTES_MAX = 1 << 21
"""So many, each with names as long as they may be."""

LINK_MINUTES = 60
"""So long a one-time link lets somebody in: it is sent by mail, and somebody reads that late."""

SESSION_DAYS = 30
"""So long a phone stays signed in; a token that is taken away ends it at once."""
