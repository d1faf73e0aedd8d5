"""One question to the player, one answer: who it is, how it is, what it said, which names it has (SPEC section 7)."""

from amos.protocol.limits import READ_CHUNK_BYTES_MAX, TIME_NONCE_BYTES
from amos.protocol.link import (
    CHALLENGE,
    FULL_STATUS,
    IDENTIFY,
    INPUT,
    LOGS,
    NAMES,
    SOUNDING,
    STATUS,
    UNKNOWN_VERB,
    Request,
    Response,
    Status,
    decode_status,
)
from amos.protocol.link_courier import CourierLink, Ticket
from amos.protocol.link_courier_talk import Pause, RequestRefused, TransferError, checked, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

    from amos.protocol.link_name import Name
    from amos.protocol.link_sounding import Sounding

LOGS_REQUESTS_MAX = 64
"""Answers of 1,024 bytes: 16 times what a player keeps, so that one that keeps talking is not read for ever."""

NAMES_REQUESTS_MAX = 16
"""A score has at most 32 names of a kind, which is two answers; packs may change meanwhile."""


def identify(link: CourierLink, nonce: bytes) -> "Generator[Ticket | Pause, Response | None, Response]":
    """The player's answer with `device`, `public_key`, `signature`, `firmware`, `board`, `voices`; nothing is verified.

    `nonce` is 16 to 64 fresh random bytes. The signature is over `IDENTIFY_CONTEXT` and the nonce.
    """
    response = checked(IDENTIFY, (yield link.submit(Request(id=0, verb=IDENTIFY, nonce=nonce))))
    need(IDENTIFY, response, ("device_id", "public_key", "signature", "firmware", "board", "voices"))
    return response


def read_status(link: CourierLink) -> "Generator[Ticket | Pause, Response | None, tuple[Status, bytes]]":
    """What the player says of itself, and the same as it came, for passing on."""
    try:
        response = checked(FULL_STATUS, (yield link.submit(Request(id=0, verb=FULL_STATUS))))
    except RequestRefused as error:
        if error.code != UNKNOWN_VERB:
            raise
        response = checked(STATUS, (yield link.submit(Request(id=0, verb=STATUS))))  # a player of 0.1.0
    need(STATUS, response, ("data",))
    data = response.data or b""
    return decode_status(data), data


def read_logs(link: CourierLink) -> "Generator[Ticket | Pause, Response | None, bytes]":
    """What the player said lately, oldest first; lines that give way while they are read are left out."""
    said = bytearray()
    offset, end = 0, 1
    for _turn in range(LOGS_REQUESTS_MAX):
        if offset >= end:
            break
        ticket = link.submit(Request(id=0, verb=LOGS, offset=offset, length=READ_CHUNK_BYTES_MAX))
        response = checked(LOGS, (yield ticket))
        need(LOGS, response, ("offset", "size"))
        first, end, data = response.offset or 0, response.size or 0, response.data or b""
        if first < offset or first + len(data) > end or (first < end and not data):
            raise TransferError("logs: expected bytes from %d of %d, found %d at %d" % (offset, end, len(data), first))
        said.extend(data)
        offset = first + len(data)
    return bytes(said)


def read_names(link: CourierLink, kind: int) -> "Generator[Ticket | Pause, Response | None, list[Name]]":
    """The names of that kind (`link_name`) in the pack that plays, in the score's order."""
    names: list[Name] = []
    pack, count = None, 1
    for _turn in range(NAMES_REQUESTS_MAX):
        if len(names) >= count:
            break
        response = checked(NAMES, (yield link.submit(Request(id=0, verb=NAMES, kind=kind, offset=len(names)))))
        need(NAMES, response, ("size", "offset", "names", "pack"))
        if pack not in (None, response.pack):
            # Another pack has begun to play; what the one before called so is of no use.
            names, pack = [], None
            continue
        pack, count, told = response.pack, response.size or 0, response.names or []
        if response.offset != len(names) or len(names) + len(told) > count or (len(names) < count and not told):
            raise TransferError("names: expected some from %d of %d, found %d" % (len(names), count, len(told)))
        names += told
    if len(names) < count:
        raise TransferError("names: expected all in %d answers, found more" % NAMES_REQUESTS_MAX)
    return names


def read_sounding(link: CourierLink) -> "Generator[Ticket | Pause, Response | None, Sounding]":
    """What sounds there, and what may be done."""
    from amos.protocol.link_sounding import Sounding

    response = checked(SOUNDING, (yield link.submit(Request(id=0, verb=SOUNDING))))
    need(SOUNDING, response, ("data",))
    return Sounding.decode(response.data or b"")


def give_input(
    link: CourierLink, nonce: bytes, kind: int, value: int
) -> "Generator[Ticket | Pause, Response | None, Response]":
    """Hand the player an input (score/SCORE.md section 4), effective as soon as it can be.

    `nonce` is 16 to 64 fresh random bytes: what is asked again with the same ones, even on another line, acts once.
    """
    return checked(INPUT, (yield link.submit(Request(id=0, verb=INPUT, nonce=nonce, kind=kind, value=value))))


def challenge(link: CourierLink) -> "Generator[Ticket | Pause, Response | None, bytes]":
    """The nonce that a time anchor for this player is to answer."""
    response = checked(CHALLENGE, (yield link.submit(Request(id=0, verb=CHALLENGE))))
    need(CHALLENGE, response, ("data",))
    if len(response.data or b"") != TIME_NONCE_BYTES:
        raise TransferError("challenge: expected %d bytes, found %r" % (TIME_NONCE_BYTES, response.data))
    return response.data or b""
