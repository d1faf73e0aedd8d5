"""One example of every message, from fixed seeds: the worked examples of protocol/SPEC.md, built on every runtime.

They are one story: a publisher offers two stems, an operator enrols a player, the player seals ten seconds of play, and
the ledger, whose log holds its genesis entry and the enrolment already, receipts it.
"""

import hashlib
from array import array
from binascii import unhexlify

from amos import crypto
from amos.protocol.anchor import Anchor
from amos.protocol.answer import ACCEPTED, UNKNOWN_PACK, Answer
from amos.protocol.bundle_host import ANSWER as BUNDLE_ANSWER
from amos.protocol.bundle_host import TOOK as BUNDLE_TOOK
from amos.protocol.bundle_host import BundleHeader, BundleItem, BundleWriter
from amos.protocol.catalogue import Catalogue, Composer, Share, Work, sign_catalogue
from amos.protocol.cbor import Tag, dumps
from amos.protocol.closing import COMMUNAL, Closing, settled_of, sign_closing
from amos.protocol.cose import ALG_ED25519, HEADER_ALG, HEADER_KID, HEADER_TYP, TYP_DIRECTIVE, sign, signature_input
from amos.protocol.delegated import Delegation
from amos.protocol.directive import Directive, Hours, Position
from amos.protocol.enrolment import Enrolment, sign_enrolment
from amos.protocol.forgone import Forgone, sign_forgone
from amos.protocol.frames import frame
from amos.protocol.handover import Handover, KeyHistory, handover_message
from amos.protocol.licence_pool import OPEN, LicencePool, PlacedSite, sign_pool
from amos.protocol.link import (
    ACTIVATE,
    BAD_OFFER,
    BEGIN,
    BLOB_MANIFEST,
    CHALLENGE,
    FINISH,
    FULL_STATUS,
    IDENTIFY,
    IDENTIFY_CONTEXT,
    INPUT,
    LIST,
    LOGS,
    NAMES,
    OFFER,
    OFFER_RECEIPT,
    OK,
    OUTPUT_OK,
    PUT,
    READ,
    SET_TIER,
    SOUNDING,
    STATE_PLAYING,
    Entry,
    Request,
    Response,
    Status,
)
from amos.protocol.link_name import SLIDERS, Name
from amos.protocol.link_sounding import Sounding
from amos.protocol.loss import Loss, sign_loss
from amos.protocol.manifest import CODEC_PCM16, Manifest, PackStem
from amos.protocol.merkle import leaf_hash, node_hash
from amos.protocol.pairing_host import Pairing, PairingAnswer, nonce_of
from amos.protocol.quarantine import LIFT, REJECT, Ruling, sign_ruling
from amos.protocol.readings import (
    BY_CLOCK,
    BY_RECEPTION,
    PAID,
    POST_OPT_OUT,
    Cell,
    DeviceRow,
    Part,
    StemRow,
    sum_bytes,
    sum_leaf,
    sum_node,
)
from amos.protocol.revocation import Revocation, sign_revocation
from amos.protocol.rotation import LEDGER as LEDGER_ROLE
from amos.protocol.rotation import OPERATOR as OPERATOR_ROLE
from amos.protocol.rotation import Rotation, sign_rotation
from amos.protocol.segment import (
    CLOCK_SYNCHRONISED,
    FIRST_PREVIOUS,
    FLAG_BEGIN,
    FLAG_END,
    NO_SEED_ROOT,
    SEAL_SHUTDOWN,
    Usage,
    input_columns,
)
from amos.protocol.signing import (
    list_delegated,
    list_opt_outs,
    sign_anchor,
    sign_delegated,
    sign_delegation,
    sign_manifest,
    sign_opt_outs,
    sign_receipt,
)
from amos.protocol.transfer import Transfer, sign_transfer
from amos.protocol.usage_reader import OUTPUT_KIND_ALSA, PACE_CLOCKED
from signed_usage import columns, sign_usage

NAMES_OF_SEEDS = {1: "device", 2: "operator", 3: "publisher", 4: "ledger", 6: "desk"}
SPEC = __file__.rsplit("/", 1)[0] + "/../../firmware/amos/protocol/SPEC.md"


SECONDS = 441_000
"""Frames of ten seconds."""

NEXT_DEVICE_SEED = 0x05
"""Of the key to which the device's first one gives way."""


class Party:
    """A holder of a key: the seed is one byte 32 times."""

    def __init__(self, seed_byte: int):
        self.seed = bytes((seed_byte,)) * 32
        self.public_key = crypto.public_key(self.seed)
        self.id = crypto.key_id(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """Signature of `message`."""
        return crypto.sign(self.seed, message)


def sha256(data: bytes) -> bytes:
    """32-byte digest."""
    return hashlib.sha256(data).digest()


def id_of(text: str) -> bytes:
    """A 16-byte id that is easy to make again."""
    return sha256(text.encode())[:16]


def a_stem(name: str, artist: str, role: int) -> PackStem:
    """Ten seconds of stereo at 48 kHz."""
    return PackStem(
        stem_id=id_of(name),
        sha256=sha256(name.encode()),
        size_bytes=1920000,
        codec=CODEC_PCM16,
        frames=480000,
        channels=2,
        role=role,
        key="Dm" if name == "pads" else None,
        tempo_mbpm=84000,
        gain_q15=23170,
        artist_id=id_of(artist),
        lease_end_unix_s=1798761600,
    )


def a_manifest() -> Manifest:
    """Two stems."""
    return Manifest(
        version=1,
        serial=7,
        name="harbour cafe",
        rate_hz=48000,
        board_class="linux",
        voices=8,
        lease_end_unix_s=1798761600,
        score_sha256=sha256(b"score"),
        score_bytes=5,
        stems=[a_stem("pads", "ada", 3), a_stem("beats", "björk", 0)],
    )


def a_catalogue() -> Catalogue:
    """Two works, one with two payees."""
    works = [
        Work(
            stem_id=id_of("pads"),
            title="Fog",
            artist="Ada",
            isrc="QZES72600001",
            splits=[Share(payee="ada", ppm=750000), Share(payee="cy-records", ppm=250000)],
            iswc="T0345246801",
            composers=[Composer(name="Ada North", ipi="00014107338"), Composer(name="Cy Reed")],
            publisher="Kite Publishing",
            label="Harbour Records",
            upc="036000291452",
            ai_use=0,
            training=False,
        ),
        Work(stem_id=id_of("beats"), title="Tide", artist="Björk", splits=[Share(payee="bjork", ppm=1000000)]),
    ]
    return Catalogue(version=2, serial=7, works=works)


def a_usage(device: bytes, pack: bytes) -> Usage:
    """Ten seconds of play: one placement that ended, one that still sounds, one input."""
    rows = [(0, 0, 480000, FLAG_BEGIN | FLAG_END), (1, 120000, 360000, FLAG_BEGIN)]
    stems, starts, frames, flags = columns(rows, 0)
    input_starts, input_kinds, input_values = input_columns([(240000, 16, 9830)], 0)
    return Usage(
        version=2,
        device_id=device,
        sequence=1,
        previous=FIRST_PREVIOUS,
        boot=1,
        session=1,
        start_state=sha256(b"state"),
        first_frame=0,
        end_frame=480000,
        rate_hz=48000,
        start_ms=2000,
        end_ms=12000,
        clock=CLOCK_SYNCHRONISED,
        anchor_unix_ms=1767225600000,
        anchor_ms=1500,
        pack=pack,
        score=sha256(b"score"),
        tier=1,
        stems=stems,
        starts=starts,
        frames=frames,
        flags=flags,
        input_starts=input_starts,
        input_kinds=input_kinds,
        input_values=input_values,
        delivered_frames=480000,
        underruns=0,
        silent_frames=0,
        pcm_sha256=sha256(b"pcm"),
        reason=SEAL_SHUTDOWN,
        output_kind=OUTPUT_KIND_ALSA,
        pace=PACE_CLOCKED,
        seed_root=NO_SEED_ROOT,
    )


def a_usage_of_version_1(device: bytes, pack: bytes) -> Usage:
    """The same as a player wrote it that did not yet say what it played into."""
    usage = a_usage(device, pack)
    usage.version, usage.output_kind, usage.pace, usage.seed_root = 1, None, None, None
    return usage


def a_status(device: bytes, pack: bytes) -> Status:
    """A player in its second session."""
    return Status(
        device_id=device,
        state=STATE_PLAYING,
        firmware="0.1.0",
        boot=1,
        session=2,
        frame=96000,
        rate_hz=48000,
        uptime_ms=14500,
        next_sequence=2,
        last_receipted=0,
        unsynced_ms=12000,
        clock=CLOCK_SYNCHRONISED,
        pack=pack,
        tier=1,
        underruns=0,
        damaged_frames=0,
        trimmed=0,
        output=OUTPUT_OK,
        spare_segments=1400,
        failed_writes=0,
        lease_seconds_left=864000,
        opt_outs_serial=3,
        spoilt_blobs=0,
        output_kind=OUTPUT_KIND_ALSA,
        pace=PACE_CLOCKED,
        directive_serial=4,
    )


def a_directive(device: bytes, serial: int, **wanted) -> Directive:
    """One that wants nothing but what is named."""
    facts = {"version": 1, "device_id": device, "serial": serial, "issued_unix_s": 1767225600}
    facts.update(wanted)
    return Directive(**facts)


def signed_directive(directive: Directive, operator: Party) -> bytes:
    """The message's bytes: `directive_host`, which hosts have, makes the same."""
    return sign(directive.encode(), TYP_DIRECTIVE, operator.id, operator.sign)


NONCE = bytes(range(16))
GENESIS = b"amos-ledger/1 ledger.example\n"


PAIRING_CODE = "004821"
SEALED_CODE = (
    "da993256d3b27fcfe384059659c3a15481593a47303155935591b1dfb885416e06b554ec32d43341448390d3d40ebe15"
    "493cea92b5ba6902a1aea9c3e2737f6731180f91e3b6"
)
"""That code and `NONCE` as its salt, for the operator: sealed once by libsodium, which takes another key each time."""


class Examples:
    """`messages` by name, in the order of SPEC.md; `records` the facts in them; the parties who signed."""

    def __init__(self):
        parties = [Party(seed) for seed in sorted(NAMES_OF_SEEDS)]
        self.device, self.operator, self.publisher, self.ledger, self.desk = parties
        self.messages: dict = {}
        self.records: dict = {}
        self._published()
        self._enrolled()
        self._revoked()
        self._key_lines()
        self._sealed()
        self._linked()
        self._receipted()
        self._withdrawn()
        self._dated()
        self._closed()
        self._directed()
        self._transferred()
        self._bundled()
        self._paired()

    def _keep(self, name: str, record) -> bytes:
        self.records[name] = record
        self.messages[name] = record.encode()
        return self.messages[name]

    def _published(self) -> None:
        value = {3: [False, True, None], -1: "é", 500: Tag(64, bytes(3)), -1000: -(2**64), 24: 2**64 - 1, 0: {}}
        self.messages["cbor"] = dumps(value)
        publisher = self.publisher
        header = {HEADER_ALG: ALG_ED25519, HEADER_KID: publisher.id, HEADER_TYP: "amos-manifest+cose"}
        self.messages["sig-structure"] = signature_input(dumps(header), b"\xf6")
        self.messages["sign1"] = sign(b"\xf6", "amos-manifest+cose", publisher.id, publisher.sign)
        manifest, catalogue = a_manifest(), a_catalogue()
        self.records["manifest"], self.records["stem"] = manifest, manifest.stems[0]
        self.records["catalogue"], self.records["work"] = catalogue, catalogue.works[0]
        self.records["share"] = catalogue.works[0].splits[0]
        self.records["composer"] = catalogue.works[0].composers[0]
        self.messages["manifest"] = sign_manifest(manifest, publisher.id, publisher.sign)
        self.messages["catalogue"] = sign_catalogue(catalogue, publisher.id, publisher.sign)
        self.pack = sha256(self.messages["manifest"])

    def _enrolled(self) -> None:
        device = self.device
        self.messages["identify"] = IDENTIFY_CONTEXT + NONCE
        self.messages["possession"] = device.sign(IDENTIFY_CONTEXT + NONCE)
        enrolment = Enrolment(
            version=1,
            device_id=device.id,
            public_key=device.public_key,
            site="harbour",
            name="bar-1",
            tier=1,
            board="linux",
            voices=8,
            nonce=NONCE,
            possession=self.messages["possession"],
            unix_s=1767225600,
        )
        self.records["enrolment"] = enrolment
        self.messages["enrolment"] = sign_enrolment(enrolment, self.operator.id, self.operator.sign)

        values = {name: getattr(enrolment, name) for _key, name, _kind, _bound in Enrolment.FIELDS}
        values["unix_s"] += 86400
        values["predecessor"] = id_of("bar-1 of last year")
        replacing = Enrolment(**values)
        self.messages["enrolment-replacing"] = sign_enrolment(replacing, self.operator.id, self.operator.sign)
        self._rotated(enrolment)

    def _rotated(self, enrolment) -> None:
        """From segment 2 on another key signs, which the device's first one hands over to."""
        device, following = self.device, Party(NEXT_DEVICE_SEED)
        said = handover_message(device.id, 2, following.public_key)
        self.messages["handover"] = said
        self.messages["handover-signature"] = device.sign(said)
        handover = Handover(
            first_sequence=2, public_key=following.public_key, signature=self.messages["handover-signature"]
        )
        history = KeyHistory(version=1, first_key=device.public_key, handovers=[handover])
        self._keep("key-history", history)
        self.records["handover"] = handover
        values = {name: getattr(enrolment, name) for _key, name, _kind, _bound in Enrolment.FIELDS}
        values["unix_s"] += 86400
        values["version"], values["public_key"] = 2, following.public_key
        values["possession"] = following.sign(IDENTIFY_CONTEXT + NONCE)
        values["first_key"], values["handovers"] = device.public_key, [handover]
        self.records["enrolment-rotated"] = rotated = Enrolment(**values)
        self.messages["enrolment-rotated"] = sign_enrolment(rotated, self.operator.id, self.operator.sign)

    def _revoked(self) -> None:
        revocation = Revocation(version=1, device_id=id_of("bar-1 of last year"), unix_s=1767225600)
        self.records["revocation"] = revocation
        self.messages["revocation"] = sign_revocation(revocation, self.operator.id, self.operator.sign)
        lost_root = hashlib.sha256(b"lost").digest()
        forgone = Forgone(version=1, unix_s=1767225600, kept_size=40, lost_size=52, lost_root=lost_root)
        self.records["forgone"] = forgone
        self.messages["forgone"] = sign_forgone(forgone, self.operator.id, self.operator.sign)
        loss = Loss(version=1, device_id=self.device.id, first=7, last=9, unix_s=1767225600)
        self._placed()
        self.records["loss"] = loss
        self.messages["loss"] = sign_loss(loss, self.operator.id, self.operator.sign)
        rejected = sorted(hashlib.sha256(name).digest() for name in (b"forged", b"forged too"))
        facts = {"version": 1, "device_id": self.device.id, "quarantine": 40, "unix_s": 1767225600}
        ruling = Ruling(action=REJECT, rejected=rejected, reason="a copy of its card played elsewhere", **facts)
        self.records["ruling"] = ruling
        self.messages["ruling"] = sign_ruling(ruling, self.operator.id, self.operator.sign)
        lifting = Ruling(action=LIFT, rejected=[], reason="the copy is destroyed", **facts)
        self.messages["ruling-lifting"] = sign_ruling(lifting, self.operator.id, self.operator.sign)

    def _bundled(self) -> None:
        facts = {"site": "harbour-cafe", "courier": b"harbour!", "unix_s": 1767225600, "part": 0}
        self.records["bundle"] = header = BundleHeader(version=1, **facts)
        content = self.messages["answer-accepted"]
        answer = BundleItem(kind=BUNDLE_ANSWER, device_id=self.device.id, content=content, site="harbour-cafe")
        self.records["bundle-item"] = answer
        took = BundleItem(kind=BUNDLE_TOOK, device_id=self.device.id, count=7)
        writer = BundleWriter()
        parts = [writer.header(header), writer.add(answer), writer.add(took), writer.end()]
        self.messages["bundle"] = b"".join(parts)

    def _paired(self) -> None:
        facts = {"version": 1, "site": "harbour-cafe", "sealed": unhexlify(SEALED_CODE)}
        nonce = nonce_of(PAIRING_CODE, NONCE, facts["site"])
        self.messages["pairing-nonce"] = nonce
        facts |= {"public_key": self.device.public_key, "board": "linux", "voices": 8}
        request = self._keep("pairing", Pairing(possession=self.device.sign(IDENTIFY_CONTEXT + nonce), **facts))
        self._keep("paired", PairingAnswer(request_sha256=hashlib.sha256(request).digest(), verdict=0, name="bar"))

    def _key_lines(self) -> None:
        following = Party(5)
        for name, role, party, until in (
            ("rotation", OPERATOR_ROLE, self.operator, None),
            ("rotation-ledger", LEDGER_ROLE, self.ledger, 1767225600 + 86400 * 365),
        ):
            facts = {"version": 1, "role": role, "origin": "ledger.example", "number": 1, "unix_s": 1767225600}
            facts |= {"old_key": party.public_key, "new_key": following.public_key, "until_unix_s": until}
            possession = following.sign(Rotation(possession=bytes(64), **facts).possession_message())
            self.records[name] = rotation = Rotation(possession=possession, **facts)
            self.messages[name] = sign_rotation(rotation, party.sign)

    def _sealed(self) -> None:
        usage = a_usage(self.device.id, self.pack)
        self.records["usage"] = usage
        self.messages["usage"] = sign_usage(usage, self.device.sign)
        earlier = a_usage_of_version_1(self.device.id, self.pack)
        self.messages["usage-1"] = sign_usage(earlier, self.device.sign)

    def _linked(self) -> None:
        device, usage = self.device, self.messages["usage"]
        identify = self._keep("request-identify", Request(id=1, verb=IDENTIFY, nonce=NONCE))
        self.messages["frame"] = frame(identify)
        identity = Response(
            id=1,
            code=OK,
            device_id=device.id,
            public_key=device.public_key,
            signature=self.messages["possession"],
            firmware="0.1.0",
            board="linux",
            voices=8,
        )
        self._keep("response-identify", identity)
        self._keep("request-status", Request(id=2, verb=FULL_STATUS))
        status = self._keep("status", a_status(device.id, self.pack))
        self._keep("response-status", Response(id=2, code=OK, data=status))
        self._keep("request-list", Request(id=3, verb=LIST, sequence=1))
        entry = Entry(sequence=1, size=len(usage), sha256=sha256(usage))
        self.records["entry"] = entry
        self._keep("response-list", Response(id=3, code=OK, entries=[entry]))
        self._keep("request-read", Request(id=4, verb=READ, sequence=1, offset=0, length=32))
        self._keep("response-read", Response(id=4, code=OK, size=len(usage), offset=0, data=usage[:32]))
        offer = Request(id=5, verb=OFFER, kind=OFFER_RECEIPT, sequence=1, size=3, offset=0, data=b"\xf6\xf6\xf6")
        self._keep("request-offer", offer)
        text = "message: expected a COSE_Sign1 (tag 18)"
        self._keep("response-refused", Response(id=5, code=BAD_OFFER, text=text))
        self._keep("request-set-tier", Request(id=6, verb=SET_TIER, value=2))
        self._keep("request-input", Request(id=7, verb=INPUT, nonce=NONCE, kind=16, value=9830))
        self._keep("request-challenge", Request(id=8, verb=CHALLENGE))
        self._keep("response-challenge", Response(id=8, code=OK, data=NONCE))
        self._keep("request-logs", Request(id=8, verb=LOGS, offset=0, length=1024))
        said = b"      0.412  playing: session 2, pack 7\n"
        self._keep("response-logs", Response(id=8, code=OK, offset=0, size=len(said), data=said))
        self._keep("request-names", Request(id=8, verb=NAMES, kind=SLIDERS, offset=0))
        name = Name(name="energy", lo_q15=0, hi_q15=10 * 32768)
        self.records["name"] = name
        self._keep("response-names", Response(id=8, code=OK, size=1, offset=0, pack=self.pack, names=[name]))
        self._keep("request-sounding", Request(id=8, verb=SOUNDING))
        sounding = Sounding(
            section="bloom", stems=array("H", [3, 17]), volume_q15=16423, sliders=array("i", [9830]), acts=0b1000001,
            volume_min=10, volume_max=80,
        )  # fmt: skip
        self._keep("sounding", sounding)
        self._keep("response-sounding", Response(id=8, code=OK, data=sounding.encode()))
        manifest = self.messages["manifest"]
        begin = Request(id=8, verb=BEGIN, kind=BLOB_MANIFEST, size=len(manifest), sha256=self.pack)
        self._keep("request-begin", begin)
        self._keep("response-begin", Response(id=8, code=OK, offset=0, length=192))
        self._keep("request-put", Request(id=9, verb=PUT, offset=0, data=manifest[:16]))
        self._keep("response-put", Response(id=9, code=OK, offset=16))
        self._keep("request-finish", Request(id=10, verb=FINISH, sha256=self.pack))
        self._keep("request-activate", Request(id=11, verb=ACTIVATE, sha256=self.pack))

    def _receipted(self) -> None:
        ledger, usage = self.ledger, self.messages["usage"]
        self.leaves = [leaf_hash(entry) for entry in (GENESIS, self.messages["enrolment"], usage)]
        path = [node_hash(self.leaves[0], self.leaves[1])]
        self.root = node_hash(path[0], self.leaves[2])
        self.messages["receipt"] = sign_receipt(3, 2, path, self.root, ledger.id, ledger.sign)
        self.messages["envelope-plain"] = b"\x00" + usage
        message_sha256 = sha256(self.messages["envelope-plain"])
        accepted = Answer(
            message_sha256=message_sha256,
            verdict=ACCEPTED,
            device_id=self.device.id,
            sequence=1,
            receipt=self.messages["receipt"],
        )
        self._keep("answer-accepted", accepted)
        refused = Answer(message_sha256=message_sha256, verdict=UNKNOWN_PACK, device_id=self.device.id, sequence=1)
        self._keep("answer-refused", refused)

    def _withdrawn(self) -> None:
        publisher = self.publisher
        self.records["opt-outs"] = list_opt_outs(3, 1767222000, [id_of("beats"), id_of("choir")])
        self.messages["opt-outs"] = sign_opt_outs(self.records["opt-outs"], publisher.id, publisher.sign)
        ids = self.records["opt-outs"].ids
        times = {"since_unix_s": 1767222000, "until_unix_s": 1798758000}
        keys = {"key": self.desk.public_key, "ledger": self.ledger.public_key}
        made = Delegation(version=1, serial=2, ids=ids, **keys, **times)
        self.records["delegation"] = made
        delegation = self.messages["delegation"] = sign_delegation(made, publisher.id, publisher.sign)
        listed = self.records["delegated-opt-outs"] = list_delegated(
            1767225600, 1767225600, [id_of("choir")], delegation, "ilse-maren"
        )
        self.messages["delegated-opt-outs"] = sign_delegated(listed, self.desk.id, self.desk.sign)

    def _dated(self) -> None:
        ledger = self.ledger
        self.records["anchor"] = Anchor(version=1, device_id=self.device.id, nonce=NONCE, unix_ms=1767225600000)
        self.messages["anchor"] = sign_anchor(self.records["anchor"], ledger.id, ledger.sign)

    def _directed(self) -> None:
        operator = self.operator
        position, hours = Position(name="energy", position_q15=8192), Hours(from_minute=120, until_minute=360)
        self.records.update({"position": position, "hours": hours})
        self.records["directive"] = a_directive(
            self.device.id,
            4,
            tier=2,
            volume_q15=16384,
            sliders=[position],
            pause=[hours],
            pack=sha256(self.messages["manifest"]),
            sync=4,
        )
        self.messages["directive"] = signed_directive(self.records["directive"], operator)
        nights = Hours(from_minute=1320, until_minute=420, weekdays=31)
        sundays = Hours(from_minute=0, until_minute=0, weekdays=64)
        self.records["hours-weekly"] = nights
        self.records["directive-weekly"] = a_directive(self.device.id, 5, version=2, pause=[hours, nights, sundays])
        self.messages["directive-weekly"] = signed_directive(self.records["directive-weekly"], operator)

    def _closed(self) -> None:
        ledger = self.ledger
        self.records["closing-listed"] = Closing(
            version=1,
            settled=settled_of([(2, 1)]),
            statements_root=node_hash(leaf_hash(b"ada"), leaf_hash(b"cy-records")),
            **self._money(),
        )
        self.messages["closing-listed"] = sign_closing(self.records["closing-listed"], ledger.id, ledger.sign)
        self._read_meter()
        devices_root, ticks = sum_leaf(self.messages["device-row"], SECONDS)
        stems_root, _ticks = self.stems_root
        self.records["closing"] = Closing(
            version=4,
            statements_root=node_hash(leaf_hash(b"ada"), leaf_hash(b"cy-records")),
            pool=COMMUNAL,
            segments=1,
            ticks_hz=44100,
            ticks=sum_bytes(ticks),
            devices=1,
            devices_root=devices_root,
            stems=2,
            stems_root=stems_root,
            **self._money(),
        )
        self.messages["closing"] = sign_closing(self.records["closing"], ledger.id, ledger.sign)
        again = {name: getattr(self.records["closing"], name) for _key, name, _kind, _bound in Closing.FIELDS}
        again.update(version=5, currency="USD", previous=3, readings_of=3, income_micro=70, pool_micro=70)
        self.records["closing-further"] = Closing(**again)
        self.messages["closing-further"] = sign_closing(self.records["closing-further"], ledger.id, ledger.sign)
        again.update(version=6, currency="EUR", pool="harbour-hotels")
        self.records["closing-of-pool"] = Closing(**again)
        self.messages["closing-of-pool"] = sign_closing(self.records["closing-of-pool"], ledger.id, ledger.sign)

    def _placed(self) -> None:
        operator = self.operator
        site = self.records["placed-site"] = PlacedSite(site="harbour-cafe")
        pool = LicencePool(
            version=1,
            number=1,
            pool="harbour-hotels",
            action=OPEN,
            sites=[site],
            from_unix_s=1767225600,
            reason="licence 2026-7",
            unix_s=1767225600,
        )
        self.records["licence-pool"] = pool
        self.messages["licence-pool"] = sign_pool(pool, operator.id, operator.sign)

    def _transferred(self) -> None:
        ledger = self.ledger
        self.records["transfer"] = Transfer(
            version=2,
            number=1,
            unix_s=1767225600,
            kind="income",
            currency="EUR",
            debit="income/subscription",
            credit="pool/communal",
            amount_micro=1000000000,
            period="2026-01",
            reason="invoices of January",
            reference="INV-2026-01",
        )
        self.messages["transfer"] = sign_transfer(self.records["transfer"], ledger.id, ledger.sign)
        said = {name: getattr(self.records["transfer"], name) for _key, name, _kind, _bound in Transfer.FIELDS}
        said.update(version=3, number=2, debit="income/enterprise", credit="pool/harbour-hotels", reference="INV-8")
        self.records["transfer-to-pool"] = Transfer(**said)
        self.messages["transfer-to-pool"] = sign_transfer(self.records["transfer-to-pool"], ledger.id, ledger.sign)
        said.update(version=4, number=3, kind="correction", debit="pool/communal", amount_micro=70000000)
        said.update(reason="invoice 8 is the hotels'", reference="INV-8b")
        self.records["transfer-from-pool"] = Transfer(**said)
        self.messages["transfer-from-pool"] = sign_transfer(self.records["transfer-from-pool"], ledger.id, ledger.sign)

    def _money(self) -> dict:
        return {
            "period": "2026-01",
            "currency": "EUR",
            "income_micro": 1000000000,
            "carry_in_micro": 0,
            "pool_micro": 1000000000,
            "carry_out_micro": 0,
            "catalogue_sha256": sha256(self.messages["catalogue"]),
            "statements": 2,
        }

    def _read_meter(self) -> None:
        """Two stems on one device: one that earns for ten seconds, one withdrawn before it began."""
        self.records["part"] = played = Part(
            rights=1,
            standing=PAID,
            accrual=BY_CLOCK,
            tier=1,
            rate_hz=44100,
            frames=SECONDS,
            plays=1,
            first_unix_s=1767225600,
            last_unix_s=1767225610,
        )
        late = Part(rights=1, standing=POST_OPT_OUT, accrual=BY_RECEPTION, tier=1, rate_hz=44100, frames=4410, plays=1)
        leaves, rows = [], []
        for name, part, ticks in (("beats", played, SECONDS), ("choir", late, 0)):
            cell = Cell(stem_id=id_of(name), device_id=self.device.id, ticks=sum_bytes(ticks), parts=[part])
            leaf = sum_leaf(cell.encode(), ticks)
            row = StemRow(
                stem_id=id_of(name), lead="ada", ticks=sum_bytes(ticks), parts=[part], cells=1, cells_root=leaf[0]
            )
            leaves.append((id_of(name), leaf))
            rows.append((id_of(name), sum_leaf(row.encode(), ticks)))
            if part is played:
                self._keep("cell", cell)
                self._keep("stem-row", row)
        leaves.sort()
        rows.sort()
        cells_root, ticks = sum_node(leaves[0][1], leaves[1][1])
        self.stems_root = sum_node(rows[0][1], rows[1][1])
        device = DeviceRow(
            device_id=self.device.id, sequences=[1, 1], ticks=sum_bytes(ticks), cells=2, cells_root=cells_root
        )
        self._keep("device-row", device)


def hex_of_spec() -> dict:
    """Name -> bytes of every worked example in SPEC.md: the blocks fenced with ```hex NAME."""
    found: dict = {}
    name = None
    with open(SPEC, encoding="utf-8") as spec:
        for line in spec:
            line = line.strip()
            if line.startswith("```hex "):
                name = line[7:]
                found[name] = ""
            elif line.startswith("```"):
                name = None
            elif name:
                found[name] += line
    return {name: unhexlify(text) for name, text in found.items()}
