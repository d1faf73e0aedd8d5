"""Hypothesis strategies: every record of the protocol, and every value of the CBOR subset."""

import hashlib
from array import array
from typing import Any

from hypothesis import strategies as st

from amos.protocol.anchor import Anchor
from amos.protocol.answer import RECEIPTED, Answer
from amos.protocol.bundle_host import BundleHeader, BundleItem
from amos.protocol.catalogue import Catalogue, Composer, Share, Work
from amos.protocol.cbor import Tag
from amos.protocol.closing import COMMUNAL, METERED, Closing, runs, settled_of
from amos.protocol.delegated import DelegatedOptOuts, Delegation
from amos.protocol.directive import Directive, Hours, Position
from amos.protocol.enrolment import Enrolment
from amos.protocol.forgone import Forgone
from amos.protocol.handover import Handover, KeyHistory
from amos.protocol.ledger_limits import PPM, SPLITS_MAX
from amos.protocol.licence_pool import OPEN, PLACE, LicencePool, PlacedSite
from amos.protocol.limits import HANDOVERS_MAX, ROTATIONS_MAX, TRANSITION_S_MAX
from amos.protocol.link import OFFER, OFFER_CHUNK_BYTES_MAX, REQUEST_NEEDS, Entry, Request, Response, Status
from amos.protocol.link_name import Name
from amos.protocol.link_sounding import Sounding
from amos.protocol.loss import Loss
from amos.protocol.manifest import CODEC_PCM16, Manifest, PackStem
from amos.protocol.opt_outs import OptOuts
from amos.protocol.pairing_host import LOCKED, PAIRED, Pairing, PairingAnswer
from amos.protocol.quarantine import LIFT, REJECT, Ruling
from amos.protocol.readings import Cell, DeviceRow, Part, StemRow
from amos.protocol.record import U32, U63, UNIX_MS_MAX, UNIX_S_MAX, Record
from amos.protocol.revocation import Revocation
from amos.protocol.rotation import LEDGER, OPERATOR, Rotation
from amos.protocol.segment import FLAGS_ALL, Usage
from amos.protocol.signing import list_delegated, list_opt_outs
from amos.protocol.transfer import SOURCES, VERSION_COMMUNAL, Transfer, pools_of, version_between

RECORDS: dict[str, type[Record]] = {
    record.NAME: record
    for record in (
        Usage, Manifest, PackStem, Catalogue, Work, Composer, Share, Enrolment, Request, Response, Entry, Name, Status,
        Answer, OptOuts, Anchor, Closing, Revocation, Ruling, Handover, KeyHistory, Forgone, Loss, Rotation,
        LicencePool, PlacedSite, Sounding, Delegation, DelegatedOptOuts,
        Part, Cell, DeviceRow, StemRow, Transfer, BundleHeader, BundleItem, Directive, Position, Hours,
        Pairing, PairingAnswer,
    )
}  # fmt: skip
SLUG_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-_"
ITEMS = {"B": (0, 255), "H": (0, 65535), "I": (0, U32), "i": (-(1 << 31), (1 << 31) - 1)}
LENGTH = 6  # items of a list or column; the largest are tested by themselves


def a_field(kind: str, bound: Any) -> st.SearchStrategy[Any]:
    """Any value of one field, or None where it is optional."""
    if kind.endswith("?"):
        return st.none() | a_field(kind.rstrip("?"), bound)
    if kind == "uint":
        return st.integers(0, bound) | st.sampled_from([0, 23, 24, bound]).filter(lambda value: value <= bound)
    if kind == "int":
        return st.integers(-bound - 1, bound)
    if kind == "bool":
        return st.booleans()
    if kind == "bytes":
        return st.binary(min_size=bound, max_size=bound)
    if kind == "blob":
        return st.binary(min_size=1, max_size=min(bound, 40))
    if kind == "text":
        return st.text(min_size=1, max_size=min(bound, 30)).filter(lambda text: len(text.encode()) <= bound)
    if kind == "slug":
        return st.text(SLUG_LETTERS, min_size=1, max_size=bound)
    if kind == "records":
        return st.lists(record_examples(bound[0].NAME), max_size=min(bound[1], 3))
    if kind == "uints":
        return st.lists(st.integers(0, bound[0]), max_size=LENGTH)
    return st.lists(st.integers(*ITEMS[kind]), max_size=LENGTH).map(lambda items: array(kind, items))


def fields(record: type[Record], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Every field by its kind; `fixed` says otherwise for some."""
    any_value = {name: a_field(kind, bound) for _key, name, kind, bound in record.FIELDS if name not in fixed}
    return st.fixed_dictionaries({**any_value, **fixed})


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    first_frame = draw(st.integers(0, U63 >> 1))
    # Each row begins where the sum of the starts has come to and ends within the span.
    starts = draw(st.lists(st.integers(0, U32 >> 4), max_size=LENGTH))
    frames = draw(st.lists(st.integers(1, U32 >> 4), min_size=len(starts), max_size=len(starts)))
    ends = [sum(starts[: index + 1]) + count for index, count in enumerate(frames)]
    inputs = draw(st.lists(st.integers(0, U32 >> 4), max_size=LENGTH))
    span = max([0, sum(inputs), *ends]) + draw(st.integers(0, 1 << 40))
    rows, taken = len(starts), len(inputs)
    sequence = draw(st.integers(2, U63))
    start_ms = draw(st.integers(0, U63 >> 1))
    silent, delivered = sorted([draw(st.integers(0, span)), draw(st.integers(0, span))])
    version = draw(st.integers(1, 2))
    fixed: dict[str, Any] = {
        "version": version,
        "output_kind": draw(st.integers(1, 4)) if version == 2 else None,
        "pace": draw(st.integers(1, 2)) if version == 2 else None,
        "seed_root": draw(st.binary(min_size=32, max_size=32)) if version == 2 else None,
        "sequence": sequence,
        "first_frame": first_frame,
        "end_frame": first_frame + span,
        "rate_hz": draw(st.integers(8000, 192000)),
        "start_ms": start_ms,
        "end_ms": start_ms + draw(st.integers(0, U63 >> 1)),
        "anchor_unix_ms": None,
        "anchor_ms": None,
        "stems": array("H", draw(st.lists(st.integers(0, 1023), min_size=rows, max_size=rows))),
        "starts": array("I", starts),
        "frames": array("I", frames),
        "flags": array("B", draw(st.lists(st.integers(0, FLAGS_ALL), min_size=rows, max_size=rows))),
        "input_starts": array("I", inputs),
        "input_kinds": array("B", draw(st.binary(min_size=taken, max_size=taken))),
        "input_values": array("i", draw(st.lists(st.integers(*ITEMS["i"]), min_size=taken, max_size=taken))),
        "delivered_frames": delivered,
        "silent_frames": silent,
        "reason": draw(st.integers(1, 7)),
        "lost_first": None,
        "lost_last": None,
        "lost_reason": None,
    }
    if draw(st.booleans()):
        fixed |= {"anchor_unix_ms": draw(st.integers(0, UNIX_MS_MAX)), "anchor_ms": draw(st.integers(0, U63))}
    if draw(st.booleans()):
        first = draw(st.integers(1, sequence - 1))
        fixed |= {
            "lost_first": first,
            "lost_last": draw(st.integers(first, sequence - 1)),
            "lost_reason": draw(st.integers(1, 2)),
        }
    free = {name: a_field(kind, bound) for _key, name, kind, bound in Usage.FIELDS if name not in fixed}
    return Usage(**fixed, **draw(st.fixed_dictionaries(free)))


@st.composite
def pack_stems(draw: st.DrawFn) -> PackStem:
    values = draw(fields(PackStem, frames=st.integers(1, 1 << 29), channels=st.integers(1, 2)))
    if values["codec"] == CODEC_PCM16:
        values["size_bytes"] = values["frames"] * values["channels"] * 2
    return PackStem(**values)


@st.composite
def works(draw: st.DrawFn) -> Work:
    payees = draw(st.lists(a_field("slug", 64), min_size=1, max_size=SPLITS_MAX, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, PPM), min_size=len(payees) - 1, max_size=len(payees) - 1)))
    shares = [
        Share(payee=payee, ppm=end - start) for payee, start, end in zip(payees, [0, *cuts], [*cuts, PPM], strict=True)
    ]
    composers = st.none() | st.lists(record_examples("composer"), min_size=1, max_size=3)
    return Work(**draw(fields(Work, splits=st.just(shares), composers=composers)))


@st.composite
def key_histories(draw: st.DrawFn) -> KeyHistory:
    keys = draw(st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=HANDOVERS_MAX + 1, unique=True))
    firsts = sorted(draw(st.lists(st.integers(1, U63), min_size=len(keys) - 1, max_size=len(keys) - 1)))
    signature = a_field("bytes", 64)
    handovers = [
        Handover(first_sequence=first, public_key=key, signature=draw(signature))
        for first, key in zip(firsts, keys[1:], strict=True)
    ]
    return KeyHistory(version=1, first_key=keys[0], handovers=handovers)


@st.composite
def enrolments(draw: st.DrawFn) -> Enrolment:
    history = draw(key_histories())
    rotated = draw(st.booleans())
    fixed = {
        "version": st.just(2 if rotated else 1),
        "public_key": st.just(history.public_key if rotated else history.first_key),
        "first_key": st.just(history.first_key if rotated else None),
        "handovers": st.just(history.handovers if rotated else None),
        "device_id": st.just(hashlib.sha256(history.first_key).digest()[:16]),
        "nonce": st.binary(min_size=16, max_size=64),
        "voices": st.integers(1, 32),
    }
    return Enrolment(**draw(fields(Enrolment, **fixed)))


@st.composite
def requests(draw: st.DrawFn) -> Request:
    verb = draw(st.sampled_from(sorted(REQUEST_NEEDS)))
    own = {"nonce": st.binary(min_size=16, max_size=64)}
    if verb == OFFER:
        own["data"] = st.binary(min_size=1, max_size=OFFER_CHUNK_BYTES_MAX)
    needed = {
        name: own.get(name, a_field(kind.rstrip("?"), bound))
        for _key, name, kind, bound in Request.FIELDS
        if name in REQUEST_NEEDS[verb]
    }
    return Request(id=draw(a_field("uint", 65535)), verb=verb, **draw(st.fixed_dictionaries(needed)))


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    values = draw(fields(Answer))
    if values["verdict"] in RECEIPTED:
        kinds = {name: (kind.rstrip("?"), bound) for _key, name, kind, bound in Answer.FIELDS}
        values |= {name: draw(a_field(*kinds[name])) for name in ("receipt", "device_id", "sequence")}
    else:
        values["receipt"] = None
    return Answer(**values)


@st.composite
def pairing_answers(draw: st.DrawFn) -> PairingAnswer:
    """A verdict with what it comes with, and nothing else."""
    values = draw(fields(PairingAnswer))
    verdict = values["verdict"]
    values["until_unix_s"] = draw(a_field("uint", UNIX_S_MAX)) if verdict == LOCKED else None
    values["name"] = draw(a_field("slug", 64)) if verdict == PAIRED else None
    return PairingAnswer(**values)


@st.composite
def names(draw: st.DrawFn) -> Name:
    """A name, with bounds or without."""
    text = draw(a_field("text", 64))
    if draw(st.booleans()):
        return Name(name=text)
    low, high = sorted(draw(st.sets(a_field("int", U32 // 2), min_size=2, max_size=2)))
    return Name(name=text, lo_q15=low, hi_q15=high)


@st.composite
def directives(draw: st.DrawFn) -> Directive:
    """A directive that keeps the rules between its fields."""
    serial = draw(st.integers(1, U63))
    asked = st.none() | st.integers(1, serial)
    named = {position.name: position for position in draw(st.lists(record_examples("position"), max_size=3))}
    fixed = {
        "version": st.just(1),
        "serial": st.just(serial),
        "pause": st.none() | st.lists(hours(), max_size=4),
        "volume_q15": st.none() | st.integers(1, 32768),
        "sliders": st.sampled_from([None, [named[name] for name in sorted(named)]]),
        "restart": asked,
        "sync": asked,
    }
    made = draw(fields(Directive, **fixed))
    if made["pack"] is None:
        made["pack_place"] = made["pack_from_unix_s"] = None
    if any(each.weekdays is not None for each in made["pause"] or ()):
        made["version"] = 2
    return Directive(**made)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """A manifest of the version that its stems ask for."""
    stems = draw(st.lists(pack_stems(), min_size=1, max_size=3))
    version = 2 if any(stem.role == 7 for stem in stems) else 1
    fixed = {"version": st.just(version), "stems": st.just(stems), "rate_hz": st.integers(8000, 192000)}
    return Manifest(**draw(fields(Manifest, voices=st.integers(1, 32), **fixed)))


def hours() -> st.SearchStrategy[Hours]:
    """Hours of two different minutes, or of weekdays."""
    minutes = st.integers(0, 1439)
    daily = st.lists(minutes, min_size=2, max_size=2, unique=True)
    weekly = st.builds(Hours, from_minute=minutes, until_minute=minutes, weekdays=st.integers(1, 126))
    return daily.map(lambda pair: Hours(from_minute=pair[0], until_minute=pair[1])) | weekly


def opt_out_lists() -> st.SearchStrategy[OptOuts]:
    """Lists of any stems."""
    ids = st.lists(st.binary(min_size=16, max_size=16), max_size=LENGTH)
    return st.builds(list_opt_outs, st.integers(0, U63), st.integers(0, UNIX_S_MAX), ids)


def delegations() -> st.SearchStrategy[Delegation]:
    """Of any key and stems."""
    ids = st.lists(st.binary(min_size=16, max_size=16), max_size=LENGTH).map(lambda ids: sorted(set(ids)))
    return st.builds(
        Delegation,
        version=st.just(1),
        serial=st.integers(0, U63),
        key=st.binary(min_size=32, max_size=32),
        since_unix_s=st.integers(0, 1 << 20),
        until_unix_s=st.integers(1 << 20, UNIX_S_MAX),
        ids=ids.map(lambda ids: b"".join(ids) or None),
        ledger=st.binary(min_size=32, max_size=32),
        batches_from=st.none() | st.integers(0, U63),
    )


def delegated_lists() -> st.SearchStrategy[DelegatedOptOuts]:
    """Lists of any stems, with bytes in place of a delegation."""
    ids = st.lists(st.binary(min_size=16, max_size=16), max_size=LENGTH)
    times = st.integers(0, U63), st.integers(0, UNIX_S_MAX)
    payees = st.none() | a_field("slug", 64)
    return st.builds(list_delegated, *times, ids, st.binary(min_size=1, max_size=64), payees)


@st.composite
def closings(draw: st.DrawFn) -> Closing:
    """A closing that keeps the rules between its fields."""
    income, previous = draw(st.integers(0, 1 << 61)), draw(st.none() | st.integers(0, U63))
    carry = draw(st.integers(0, 1 << 61)) if previous is not None else 0
    listed = draw(st.booleans())
    since_4 = {name: a_field(kind[:-1], bound) for _key, name, kind, bound in Closing.FIELDS if name in METERED}
    version = draw(st.integers(1, 3) if listed else st.sampled_from([4, 6] if previous is None else [4, 5, 6]))
    pools = st.just(COMMUNAL) | (st.text(SLUG_LETTERS, min_size=1, max_size=64) if version == 6 else st.nothing())
    since_4 |= {"pool": pools, "ticks_hz": st.integers(1, U63)}
    further = version == 5 or (version == 6 and previous is not None and draw(st.booleans()))
    return Closing(
        version=version,
        readings_of=draw(st.integers(0, previous)) if further and previous is not None else None,
        period=f"{draw(st.integers(2000, 9998))}-{draw(st.integers(1, 12)):02}",
        currency=draw(st.text("ABCXYZ", min_size=3, max_size=3)),
        income_micro=income,
        carry_in_micro=carry,
        pool_micro=income + carry,
        carry_out_micro=draw(st.sampled_from([0, income + carry])),
        catalogue_sha256=draw(st.binary(min_size=32, max_size=32)),
        previous=previous,
        settled=settled_of(runs(sorted(draw(st.sets(st.integers(0, 100), max_size=LENGTH))))) if listed else None,
        **({} if listed else draw(st.fixed_dictionaries(since_4))),
        statements_root=draw(st.binary(min_size=32, max_size=32)),
        statements=draw(st.integers(0, U32)),
    )


def record_examples(name: str) -> st.SearchStrategy[Any]:
    """Any valid record of this NAME."""
    version = st.just(1)
    strategies: dict[str, Any] = {
        "usage": usages,
        "stem": pack_stems,
        "work": works,
        "enrolment": enrolments,
        "key-history": key_histories,
        "request": requests,
        "name": names,
        "answer": answers,
        "paired": pairing_answers,
        "opt-outs": opt_out_lists,
        "delegation": delegations,
        "delegated-opt-outs": delegated_lists,
        "directive": directives,
        "hours": hours,
        "manifest": manifests,
        "closing": closings,
        "ruling": rulings,
        "licence-pool": licence_pools,
        "rotation": rotations,
        "transfer": transfers,
    }
    if name in strategies:
        made: st.SearchStrategy[Any] = strategies[name]()
        return made
    fixed: dict[str, st.SearchStrategy[Any]] = {}
    if name == "handover":
        fixed = {"first_sequence": st.integers(1, U63)}
    if name == "bundle-item":  # what a kind needs is there
        kinds = ("kind", "device_id", "content", "count", "name")
        found = {field: (kind, bound) for _key, field, kind, bound in BundleItem.FIELDS}
        fixed = {field: a_field(found[field][0].rstrip("?"), found[field][1]) for field in kinds}
    if name in ("anchor", "revocation", "bundle"):
        fixed = {"version": version}
    if name == "loss":
        fixed = {"version": version, "first": st.integers(1, 9), "last": st.integers(9, U63)}
    if name == "forgone":
        sizes = st.integers(1, U63)
        fixed = {"version": version, "kept_size": sizes, "lost_size": sizes}
    if name == "pairing":
        fixed = {"version": version, "voices": st.integers(1, 32)}
    if name == "catalogue":
        fixed = {"version": st.just(2), "works": st.lists(works(), max_size=3, unique_by=lambda work: work.stem_id)}
    record = RECORDS[name]
    return fields(record, **fixed).map(lambda values: record(**values))


@st.composite
def rulings(draw: st.DrawFn) -> Ruling:
    hashes = sorted(draw(st.sets(st.binary(min_size=32, max_size=32), max_size=3)))
    fixed = {"version": st.just(1), "rejected": st.just(hashes), "action": st.just(REJECT if hashes else LIFT)}
    return Ruling(**draw(fields(Ruling, **fixed)))


@st.composite
def licence_pools(draw: st.DrawFn) -> LicencePool:
    """An entry that opens a pool, or places sites."""
    slugs = st.text(SLUG_LETTERS, min_size=1, max_size=64)
    action = draw(st.sampled_from([OPEN, PLACE]))
    names = sorted(draw(st.sets(slugs, min_size=action - OPEN, max_size=3)))
    pool = slugs.filter(lambda name: name != COMMUNAL) if action == OPEN else slugs | st.just(COMMUNAL)
    fixed: dict[str, Any] = {
        **{"version": st.just(1), "number": st.integers(1, U63), "action": st.just(action), "pool": pool},
        "sites": st.just([PlacedSite(site=name) for name in names]),
    }
    return LicencePool(**draw(fields(LicencePool, **fixed)))


@st.composite
def rotations(draw: st.DrawFn) -> Rotation:
    role, unix_s = draw(st.sampled_from([OPERATOR, LEDGER])), draw(st.integers(0, UNIX_S_MAX - TRANSITION_S_MAX))
    until_unix_s = unix_s + draw(st.integers(0, TRANSITION_S_MAX)) if role == LEDGER else None
    fixed = {"version": 1, "role": role, "unix_s": unix_s, "until_unix_s": until_unix_s, "old_key": bytes(32)}
    new_key = st.binary(min_size=32, max_size=32).filter(any)
    chosen = {name: st.just(value) for name, value in fixed.items()}
    return Rotation(**draw(fields(Rotation, number=st.integers(1, ROTATIONS_MAX), new_key=new_key, **chosen)))


@st.composite
def transfers(draw: st.DrawFn) -> Transfer:
    """A transfer between accounts that its kind joins."""
    one, other = draw(st.lists(st.text(SLUG_LETTERS, min_size=1, max_size=64), min_size=2, max_size=2, unique=True))
    source = f"income/{draw(st.sampled_from(SOURCES))}"
    accounts = {
        "income": (source, draw(st.sampled_from(["pool/communal", f"pool/{one}"]))),
        "correction": draw(
            st.sampled_from(
                [
                    *((f"payee/{one}", to) for to in ("carry", f"carry/{one}", f"payee/{other}")),
                    (f"pool/{one}", f"pool/{other}"),
                ]
            )
        ),
        "refund": (draw(st.sampled_from(["carry", f"carry/{one}", f"payee/{one}", f"pool/{one}"])), source),
        "hold": (f"payee/{one}", f"held/{one}"),
        "release": (f"held/{one}", f"payee/{one}"),
        "payout": (draw(st.sampled_from([f"payee/{one}", f"frozen-late/{one}"])), "bank"),
    }
    kind = draw(st.sampled_from(sorted(accounts)))
    debit, credit = accounts[kind]
    period = st.just("2026-11")
    version = version_between(debit, credit)
    version = draw(st.sampled_from([1, 2])) if version == VERSION_COMMUNAL else version
    fixed: dict[str, Any] = {
        "version": st.just(version),
        "number": st.integers(1, U63),
        "kind": st.just(kind),
        "currency": st.text("ABCXYZ", min_size=3, max_size=3),
        "debit": st.just(debit),
        "credit": st.just(credit),
        "amount_micro": st.integers(1, U63),
        "period": period if pools_of(debit, credit) else st.none() | period,
        "reason": st.sampled_from(["because", "wegen Ä"]),
        "reference": st.none() if version == 1 else st.sampled_from(["INV 7", "Nº 8"]),
    }
    return Transfer(**draw(fields(Transfer, **fixed)))


integers = st.integers(-(1 << 64), (1 << 64) - 1) | st.sampled_from(
    [edge + step for edge in (24, 256, 65536, 1 << 32, -24, -256, -65536, -(1 << 32)) for step in (-1, 0, 1)]
)
CBOR2_TAGS = (1004, 43000, 55799)
"""Tags above the registry's crowded part to which cbor2 gives a meaning: a date, a complex number, none at all."""

scalars = st.none() | st.booleans() | integers | st.binary(max_size=40) | st.text(max_size=40)

values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(integers, inner, max_size=4)
        | st.builds(Tag, st.integers(1000, 1 << 40).filter(lambda number: number not in CBOR2_TAGS), inner)
    ),
    max_leaves=12,
)
"""Values of the subset, with tags to which cbor2 gives no meaning of its own."""
