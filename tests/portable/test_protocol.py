"""Every signed message on every runtime: the bytes of SPEC.md, and their verification."""

from amos import crypto
from amos.compat import byte_view
from amos.protocol.anchor import open_anchor
from amos.protocol.answer import decode_answer
from amos.protocol.catalogue import open_catalogue
from amos.protocol.cbor import Tag, dumps, loads
from amos.protocol.closing import open_closing
from amos.protocol.cose import TYP_USAGE, open_typed, parse, sign
from amos.protocol.directive import Directive, Hours, open_directive
from amos.protocol.enrolment import Enrolment, open_enrolment, sign_enrolment
from amos.protocol.errors import (
    CborError,
    CoseError,
    LocalError,
    MessageError,
    ProofError,
    ProtocolError,
    SignatureError,
)
from amos.protocol.limits import SEGMENT_BYTES_MAX, SEGMENT_INPUTS_MAX, SEGMENT_ROWS_MAX
from amos.protocol.link import IDENTIFY_CONTEXT, Status, decode_request, decode_response, decode_status
from amos.protocol.manifest import Manifest, open_manifest
from amos.protocol.merkle import leaf_hash, root_from_path
from amos.protocol.opt_outs import OptOuts, open_opt_outs
from amos.protocol.receipt import parse_receipt
from amos.protocol.segment import Usage, claimed_device_id, input_columns, sign_usage_pieces
from amos.protocol.signing import list_opt_outs
from amos.protocol.topics import device_topic, parse_device_topic
from amos.protocol.usage_reader import open_usage
from protocol_examples import GENESIS, NONCE, Examples, a_usage, hex_of_spec
from signed_usage import columns, sign_usage

EXAMPLES = Examples()
MESSAGES = EXAMPLES.messages


def refused(error, act, *arguments) -> bool:
    """Whether `act(*arguments)` raises exactly this class of error, with a sentence."""
    try:
        act(*arguments)
    except ProtocolError as found:
        assert type(found) is error, "expected %s, found %r" % (error, found)
        return len(str(found)) > 10
    return False


def test_bytes_are_those_of_the_specification():
    pinned = hex_of_spec()
    for name in MESSAGES:
        assert MESSAGES[name] == pinned[name], name


def test_signed_messages_open_to_the_facts_that_were_signed():
    device, operator, publisher = EXAMPLES.device, EXAMPLES.operator, EXAMPLES.publisher
    for name, opened in (
        ("usage", open_usage(MESSAGES["usage"], device.public_key, crypto.verify)),
        ("enrolment", open_enrolment(MESSAGES["enrolment"], operator.public_key, crypto.verify)),
        ("manifest", open_manifest(MESSAGES["manifest"], publisher.public_key, crypto.verify)),
        ("catalogue", open_catalogue(MESSAGES["catalogue"], publisher.public_key, crypto.verify)),
        ("opt-outs", open_opt_outs(MESSAGES["opt-outs"], publisher.public_key, crypto.verify)),
        ("directive", open_directive(MESSAGES["directive"], EXAMPLES.operator.public_key, crypto.verify)),
        (
            "directive-weekly",
            open_directive(MESSAGES["directive-weekly"], EXAMPLES.operator.public_key, crypto.verify),
        ),
        ("anchor", open_anchor(MESSAGES["anchor"], EXAMPLES.ledger.public_key, crypto.verify)),
        ("closing", open_closing(MESSAGES["closing"], EXAMPLES.ledger.public_key, crypto.verify)),
    ):
        assert opened.to_map() == EXAMPLES.records[name].to_map()
    assert claimed_device_id(MESSAGES["usage"]) == device.id


def test_plain_messages_decode_to_the_facts_that_were_encoded():
    for name in EXAMPLES.records:
        kind = name.split("-")[0]
        decode = {"request": decode_request, "response": decode_response, "status": decode_status}.get(kind)
        decode = decode_answer if kind == "answer" else decode
        if decode:
            assert decode(MESSAGES[name]).to_map() == EXAMPLES.records[name].to_map()


def directive_with(**changes) -> bytes:
    """The payload of the example with fields changed (None: absent), whether or not they are right."""
    keys = {name: key for key, name, _kind, _bound in Directive.FIELDS}
    fields = EXAMPLES.records["directive"].to_map()
    for name in changes:
        fields[keys[name]] = changes[name]
        if changes[name] is None:
            del fields[keys[name]]
    return dumps(fields)


def test_a_directive_that_contradicts_itself_is_refused():
    assert Directive.decode(directive_with(volume_q15=1, restart=1, sync=None)).restart == 1
    for changes in (
        {"version": 0},
        {"version": 2},  # which names weekdays
        {"pause": [{1: 0, 2: 60, 3: 1}]},  # which version 1 does not have
        {"version": 2, "pause": [{1: 0, 2: 60, 3: 0}]},
        {"version": 2, "pause": [{1: 0, 2: 60, 3: 127}]},
        {"version": 2, "pause": [{1: 0, 2: 60, 3: 128}]},
        {"version": 2, "pause": [{1: 0, 2: 60, 3: 1}, {1: 60, 2: 60}]},
        {"version": 2, "pause": [{1: 0, 2: 1440, 3: 64}]},
        {"version": 3, "pause": [{1: 0, 2: 60, 3: 1}]},
        {"device_id": bytes(15)},
        {"serial": 0},
        {"serial": 3},  # below the one that asked for a seal
        {"restart": 0},
        {"restart": 5},
        {"sync": 5},
        {"tier": 256},
        {"volume_q15": 0},
        {"volume_q15": 32769},
        {"sliders": [{1: "a", 2: 32769}]},
        {"sliders": [{1: "", 2: 0}]},
        {"sliders": [{1: "b", 2: 0}, {1: "a", 2: 0}]},
        {"sliders": [{1: "a", 2: 0}, {1: "a", 2: 0}]},
        {"sliders": [{1: "%02d" % at, 2: 0} for at in range(17)]},
        {"pause": [{1: 0, 2: 1440}]},
        {"pause": [{1: 60, 2: 60}]},
        {"pause": [{1: 0, 2: 60}] * 9},
        {"pack": bytes(31)},
        {"pack": None, "pack_place": "https://packs.example/7"},
        {"pack": None, "pack_from_unix_s": 1},
        {"pack_place": ""},
        {"pack_place": "x" * 257},
    ):
        assert refused(MessageError, Directive.decode, directive_with(**changes)), changes


def test_a_manifest_is_of_version_2_where_it_has_vocals_and_only_there():
    for version, roles, found in (
        (1, (3, 0), None),
        (2, (3, 7), None),
        (2, (7, 7), None),
        (1, (3, 7), "manifest: version: expected 2, found 1"),
        (2, (6, 0), "manifest: version: expected 1, found 2"),
        (3, (7, 0), "manifest: version: expected 2, found 3"),
        (2, (7, 8), "stem.role (7): expected an integer from 0 to 7, found 8"),
    ):
        fields = EXAMPLES.records["manifest"].to_map()
        fields[1] = version
        for stem, role in zip(fields[10], roles):
            stem[7] = role
        try:
            assert [stem.role for stem in Manifest.decode(dumps(fields)).stems] == list(roles) and found is None
        except MessageError as error:
            assert str(error) == found, (version, roles)


def test_a_directive_is_the_operators_alone():
    publisher, operator = EXAMPLES.publisher, EXAMPLES.operator
    assert refused(SignatureError, open_directive, MESSAGES["directive"], publisher.public_key, crypto.verify)
    assert refused(CoseError, open_directive, MESSAGES["enrolment"], operator.public_key, crypto.verify)
    assert refused(CoseError, open_directive, bytes(2049), operator.public_key, crypto.verify)


def test_hours_hold_from_a_minute_until_another_also_past_midnight():
    for first, until, inside, outside in (
        (120, 360, (120, 359), (0, 119, 360, 1439)),
        (1380, 120, (1380, 1439, 0, 119), (120, 1379)),
        (0, 1439, (0, 1438), (1439,)),
    ):
        hours = Hours(from_minute=first, until_minute=until)
        for day in range(7):
            assert [hours.holds(day * 1440 + minute) for minute in inside] == [True] * len(inside)
            assert [hours.holds(day * 1440 + minute) for minute in outside] == [False] * len(outside)


def test_hours_of_weekdays_begin_on_these_and_end_on_them_or_the_next():
    monday, thursday, friday, saturday, sunday = [day * 1440 for day in (0, 3, 4, 5, 6)]
    for first, until, weekdays, edges in (
        (120, 360, 1 << 3, ((thursday + 120, thursday + 360),)),
        (1320, 420, 0b0011111, [(day * 1440 + 1320, day * 1440 + 1860) for day in range(5)]),
        (1320, 420, 1 << 6, ((0, monday + 420), (sunday + 1320, 10080))),
        (0, 0, 1 << 6, ((sunday, 10080),)),
        (0, 0, 1 | 1 << 6, ((0, 1440), (sunday, 10080))),
        (360, 360, 1 << 6, ((0, 360), (sunday + 360, 10080))),
        (1200, 0, 1 << 4, ((friday + 1200, saturday),)),
        (0, 1439, 1 << 4, ((friday, saturday - 1),)),
    ):
        hours = Hours(from_minute=first, until_minute=until, weekdays=weekdays)
        for minute in range(10080):
            inside = any([begin <= minute < end for begin, end in edges])
            assert hours.holds(minute) == inside, (first, until, weekdays, minute)


def test_identity_is_the_signature_over_context_and_nonce():
    message = IDENTIFY_CONTEXT + NONCE
    assert crypto.verify(EXAMPLES.device.public_key, message, MESSAGES["possession"])
    assert not crypto.verify(EXAMPLES.device.public_key, NONCE, MESSAGES["possession"])


def test_another_key_is_refused():
    for name, opened in (("usage", open_usage), ("manifest", open_manifest), ("enrolment", open_enrolment)):
        assert refused(SignatureError, opened, MESSAGES[name], EXAMPLES.ledger.public_key, crypto.verify)


def test_a_changed_payload_is_refused():
    for name, opened, party in (
        ("usage", open_usage, EXAMPLES.device),
        ("catalogue", open_catalogue, EXAMPLES.publisher),
    ):
        changed = bytearray(MESSAGES[name])
        changed[len(changed) // 2] ^= 1
        assert refused(SignatureError, opened, bytes(changed), party.public_key, crypto.verify)


def test_a_message_of_another_type_is_refused():
    publisher = EXAMPLES.publisher
    assert refused(CoseError, open_manifest, MESSAGES["catalogue"], publisher.public_key, crypto.verify)
    assert refused(CoseError, open_catalogue, MESSAGES["manifest"], publisher.public_key, crypto.verify)
    assert refused(CoseError, open_opt_outs, MESSAGES["manifest"], publisher.public_key, crypto.verify)
    assert refused(CoseError, open_anchor, MESSAGES["receipt"], EXAMPLES.ledger.public_key, crypto.verify)
    assert refused(CoseError, parse_receipt, MESSAGES["usage"])
    assert refused(CoseError, claimed_device_id, MESSAGES["receipt"])


def test_a_message_over_its_size_is_refused_first():
    assert refused(CoseError, claimed_device_id, bytes(SEGMENT_BYTES_MAX + 1))
    assert refused(MessageError, decode_request, bytes(241))
    assert refused(MessageError, decode_response, bytes(1537))
    assert refused(MessageError, decode_status, bytes(2049))
    assert refused(MessageError, decode_answer, bytes(2561))


def sign1_with(index: int, value) -> bytes:
    """A COSE_Sign1 that is right but for one of its four parts."""
    parts = [dumps({1: -19, 4: bytes(16), 16: "amos-usage+cose"}), {}, b"", bytes(64)]
    parts[index] = value
    return dumps(Tag(18, parts))


def test_a_wrong_cose_structure_is_refused():
    good = sign1_with(3, bytes(64))
    parse(good, 1000)
    parts = loads(good).value
    wrong = [dumps(parts), dumps(Tag(17, parts)), dumps(Tag(18, parts[:3])), dumps(Tag(18, {}))]
    for index, value in ((0, {}), (1, []), (2, 0), (3, bytes(63)), (3, None)):
        wrong.append(sign1_with(index, value))
    for header in ([], {}, {1: -8, 4: bytes(16)}, {1: -19}, {1: -19, 4: bytes(15)}, {1: True, 4: bytes(16)}):
        wrong.append(sign1_with(0, dumps(header)))
    for message in wrong:
        assert refused(CoseError, parse, message, 1000)
    assert refused(CborError, parse, sign1_with(0, b"\x18\x01"), 1000)


def test_unprotected_headers_and_absent_payloads_are_refused_where_there_are_none():
    protected = dumps({1: -19, 4: bytes(16), 16: "amos-usage+cose"})
    more = dumps({1: -19, 3: 0, 4: bytes(16), 16: "amos-usage+cose"})
    for fields in ([protected, {4: b""}, b"", bytes(64)], [protected, {}, None, bytes(64)], [more, {}, b"", bytes(64)]):
        assert refused(CoseError, claimed_device_id, dumps(Tag(18, fields)))


def usage_with(**changes) -> bytes:
    """The payload of the example with fields changed, whether or not they are right."""
    keys = {name: key for key, name, _kind, _bound in Usage.FIELDS}
    fields = EXAMPLES.records["usage"].to_map()
    for name in changes:
        fields[keys[name]] = changes[name]
    return dumps(fields)


def test_usage_of_version_1_is_readable_and_says_nothing_of_its_output():
    usage = open_usage(EXAMPLES.messages["usage-1"], EXAMPLES.device.public_key, crypto.verify)
    assert (usage.version, usage.output_kind, usage.pace, usage.seed_root) == (1, None, None, None)
    assert usage.played_frames() == EXAMPLES.records["usage"].played_frames()


def test_usage_that_contradicts_itself_is_refused():
    assert Usage.decode(usage_with()).sequence == 1
    for changes in (
        {"version": 0},
        {"version": 1},  # which has no fields 34 to 36
        {"version": 3},
        {"output_kind": None},
        {"output_kind": 0},
        {"output_kind": 5},
        {"pace": None},
        {"pace": 0},
        {"pace": 3},
        {"seed_root": None},
        {"seed_root": bytes(31)},
        {"sequence": 0},
        {"reason": 0},
        {"reason": 9},
        {"rate_hz": 7999},
        {"end_frame": 479999},
        {"first_frame": 480001},
        {"end_ms": 1999},
        {"delivered_frames": 480001},
        {"silent_frames": 480001},
        {"anchor_ms": None},
        {"clock": 4},
        {"stems": Tag(69, b"\x00\x00")},
        {"stems": Tag(69, b"\x00\x00\x00\x04")},  # stem 1024
        {"stems": Tag(69, bytes(3))},
        {"stems": Tag(70, bytes(4))},
        {"stems": Tag(69, bytes(2 * SEGMENT_ROWS_MAX + 2))},
        {"stems": bytes(4)},
        {"stems": Tag(69, [0, 0])},
        {"flags": Tag(64, b"\x00\x40")},
        {"frames": Tag(70, bytes(8))},  # no frame at all
        {"starts": Tag(70, b"\xff\xff\xff\xff\xff\xff\xff\xff")},
        {"input_starts": Tag(70, b"\xff\xff\xff\xff")},
        {"input_kinds": Tag(64, b"")},
        {"input_values": Tag(70, bytes(4))},
        {"device_id": bytes(15)},
        {"tier": True},
        {"tier": -1},
        {"tier": 256},
        {"pack": "text"},
    ):
        assert refused(MessageError, Usage.decode, usage_with(**changes)), changes


def test_a_lost_range_lies_below_the_segment_and_is_whole():
    lost = {"sequence": 9, "lost_first": 3, "lost_last": 5, "lost_reason": 2}
    assert Usage.decode(usage_with(**lost)).lost_last == 5
    for changes in ({"lost_first": 8, "lost_last": 8}, {"lost_first": 1, "lost_last": 8}):
        lost.update(changes)
        assert Usage.decode(usage_with(**lost)).lost_first == changes["lost_first"]
    for changes in (
        {"lost_first": 0},
        {"lost_first": 6, "lost_last": 5},
        {"lost_last": 9},
        {"lost_reason": 0},
        {"lost_reason": 3},
    ):
        wrong = {"sequence": 9, "lost_first": 3, "lost_last": 5, "lost_reason": 2}
        wrong.update(changes)
        assert refused(MessageError, Usage.decode, usage_with(**wrong)), changes
    assert refused(MessageError, Usage.decode, usage_with(sequence=9, lost_first=3, lost_last=5))


def test_an_opt_out_list_is_ascending_and_whole():
    low, high = bytes(15) + b"\x01", bytes(15) + b"\x02"
    made = list_opt_outs(5, 6, [high, low, high])
    assert made.ids == low + high and len(made) == 2
    assert low in made and high in made and bytes(16) not in made and bytes(15) + b"\x03" not in made
    empty = OptOuts.decode(list_opt_outs(5, 6, []).encode())
    assert len(empty) == 0 and empty.ids is None and low not in empty
    for changes in ({4: high + low}, {4: low + low}, {4: low[:15]}, {4: low + high[:1]}, {4: b""}, {1: 2}):
        fields = {1: 1, 2: 5, 3: 6}
        fields.update(changes)
        assert refused(MessageError, OptOuts.decode, dumps(fields)), changes


def test_missing_and_unknown_fields_are_refused():
    fields = EXAMPLES.records["status"].to_map()
    optional = [field[0] for field in Status.FIELDS if field[2].endswith("?")]
    for key in [key for key in fields if key not in optional]:
        left = {other: fields[other] for other in fields if other != key}
        assert refused(MessageError, decode_status, dumps(left)), key
    fields[99] = 0
    assert refused(MessageError, decode_status, dumps(fields))
    assert refused(MessageError, decode_status, b"\x80")


def test_a_device_that_signs_for_another_is_refused():
    device = EXAMPLES.device
    usage = a_usage(EXAMPLES.operator.id, bytes(32))
    forged = sign_usage(usage, device.sign)
    assert refused(MessageError, open_usage, mislabelled(forged, device.id), device.public_key, crypto.verify)


def mislabelled(segment: bytes, kid: bytes) -> bytes:
    """The segment with another kid in its header, signed anew by the example's device."""
    message = parse(segment, SEGMENT_BYTES_MAX)
    return sign(message.payload, TYP_USAGE, kid, EXAMPLES.device.sign)


def enrolment_with(**changes) -> bytes:
    """The example's enrolment with fields changed, signed by the operator."""
    values = {name: getattr(EXAMPLES.records["enrolment"], name) for _key, name, _kind, _bound in Enrolment.FIELDS}
    values.update(changes)
    return sign_enrolment(Enrolment(**values), EXAMPLES.operator.id, EXAMPLES.operator.sign)


def test_enrolment_wants_proof_that_the_device_holds_its_key():
    key = EXAMPLES.operator.public_key
    assert open_enrolment(enrolment_with(tier=3), key, crypto.verify).tier == 3
    for changes in ({"nonce": bytes(16)}, {"possession": bytes(64)}):
        assert refused(SignatureError, open_enrolment, enrolment_with(**changes), key, crypto.verify)
    other = EXAMPLES.ledger
    swapped = enrolment_with(device_id=other.id, public_key=other.public_key)
    assert refused(SignatureError, open_enrolment, swapped, key, crypto.verify)


def test_what_the_format_cannot_hold_is_refused_before_it_is_signed():
    for changes in (
        {"device_id": bytes(16)},  # not the key's id
        {"nonce": bytes(15)},
        {"voices": 0},
        {"voices": 33},
        {"site": ""},
        {"site": "a/b"},
        {"site": "caf\xe9"},
        {"site": "A"},
        {"name": "\xb2"},
        {"name": "x" * 65},
        {"tier": 256},
        {"unix_s": 1 << 64},
        {"unix_s": -1},
    ):
        try:
            enrolment_with(**changes)
        except LocalError:
            continue
        raise AssertionError(changes)


def test_the_largest_segment_fits():
    rows = [(1023, 4294967 * index, 4294967, 63) for index in range(SEGMENT_ROWS_MAX)]
    stems, starts, frames, flags = columns(rows, 0)
    inputs = [(33554432 * index, 255, -(1 << 31)) for index in range(SEGMENT_INPUTS_MAX)]
    input_starts, input_kinds, input_values = input_columns(inputs, 0)
    big = (1 << 63) - 1
    usage = a_usage(EXAMPLES.device.id, bytes(32))
    changes = {
        "stems": stems,
        "starts": starts,
        "frames": frames,
        "flags": flags,
        "input_starts": input_starts,
        "input_kinds": input_kinds,
        "input_values": input_values,
        "sequence": big,
        "end_frame": big,
        "end_ms": big,
        "anchor_unix_ms": 253402300799999,
        "anchor_ms": big,
        "boot": 0xFFFFFFFF,
        "session": 0xFFFFFFFF,
        "underruns": 0xFFFFFFFF,
        "delivered_frames": big,
        "silent_frames": big,
        "lost_first": big - 1,
        "lost_last": big - 1,
        "lost_reason": 2,
    }
    for name in changes:
        setattr(usage, name, changes[name])
    segment = sign_usage(usage, lambda message: bytes(64))
    assert len(segment) <= SEGMENT_BYTES_MAX
    opened = open_usage(segment, EXAMPLES.device.public_key, lambda *_arguments: True)
    assert opened.to_map() == usage.to_map()
    assert opened.rows() == rows
    assert opened.played_frames() == 4294967 * SEGMENT_ROWS_MAX
    in_pieces = sign_usage_pieces(usage, lambda message: bytes(64), byte_view)
    assert in_pieces.join() == segment and len(in_pieces) == len(segment)


def test_a_segment_in_pieces_has_the_same_signature():
    device, usage = EXAMPLES.device, EXAMPLES.records["usage"]
    seen = []
    signed = sign_usage_pieces(usage, lambda message: seen.append(message) or device.sign(message.join()), byte_view)
    assert signed.join() == MESSAGES["usage"]
    assert crypto.sign(device.seed, *seen[0].parts) == device.sign(seen[0].join())
    usage.starts[0] += 1  # the columns are where they were, not copied
    try:
        assert signed.join() != MESSAGES["usage"]
    finally:
        usage.starts[0] -= 1


def test_receipt_vouches_for_exactly_one_entry():
    receipt = parse_receipt(MESSAGES["receipt"])
    key, usage = EXAMPLES.ledger.public_key, MESSAGES["usage"]
    receipt.check(usage, key, crypto.verify)
    assert root_from_path(leaf_hash(usage), 2, 3, receipt.path) == EXAMPLES.root
    assert refused(SignatureError, receipt.check, GENESIS, key, crypto.verify)
    assert refused(SignatureError, receipt.check, usage + b"\x00", key, crypto.verify)
    assert refused(SignatureError, receipt.check, usage, EXAMPLES.device.public_key, crypto.verify)
    receipt.leaf_index = 1
    assert refused(ProofError, receipt.check, usage, key, crypto.verify)
    receipt.leaf_index = 3
    assert refused(ProofError, receipt.check, usage, key, crypto.verify)


def test_wrong_receipts_are_refused():
    item = loads(MESSAGES["receipt"])
    protected, _proofs, _payload, signature = item.value
    path = [bytes(32)]
    header = loads(protected)

    def receipt(proof, header=header, payload=None, more=None) -> bytes:
        proofs = {396: {-1: [dumps(proof)]}}
        proofs.update(more or {})
        return dumps(Tag(18, [dumps(header), proofs, payload, signature]))

    parse_receipt(receipt([3, 2, path]))
    for proof in (
        [3, 2],
        [3, 3, path],
        [0, 0, []],
        [True, False, []],
        [3, -1, path],
        [3, 2, {}],
        5,
        [3, 2, [bytes(31)]],
    ):
        assert refused(MessageError, parse_receipt, receipt(proof)), proof
    assert refused(MessageError, parse_receipt, receipt([1 << 63, 2, path * 41]))
    parse_receipt(receipt([1 << 40, 2, path]))
    assert refused(MessageError, parse_receipt, receipt([(1 << 40) + 1, 2, path]))
    assert refused(CoseError, parse_receipt, receipt([3, 2, path], payload=bytes(32)))
    assert refused(CoseError, parse_receipt, receipt([3, 2, path], more={4: b""}))
    assert refused(CoseError, parse_receipt, receipt([3, 2, path], more={396: {-2: [b""]}}))
    assert refused(CoseError, parse_receipt, receipt([3, 2, path], more={396: {-1: []}}))
    assert refused(CoseError, parse_receipt, receipt([3, 2, path], header={1: -19, 4: bytes(16), 395: 2}))
    assert refused(CoseError, parse_receipt, receipt([3, 2, path], header={1: -19, 4: bytes(16)}))


def test_topics_name_site_and_device():
    device = EXAMPLES.device.id
    topic = device_topic("harbour", device, "usage")
    assert parse_device_topic(topic) == ("harbour", device, "usage")
    for wrong in (
        "amos/2/harbour/" + "0" * 32 + "/usage",
        "amos/1//" + "0" * 32 + "/usage",
        "amos/1/harbour/" + "0" * 30 + "/usage",
        "amos/1/harbour/" + "A" * 32 + "/usage",
        "amos/1/harbour/" + "0 " * 16 + "/usage",
        "amos/1/harbour/courier/status",
        topic + "/more",
        "",
    ):
        assert refused(MessageError, parse_device_topic, wrong), wrong


def test_open_typed_gives_the_payload_as_signed():
    payload = open_typed(MESSAGES["sign1"], "amos-manifest+cose", 200, EXAMPLES.publisher.public_key, crypto.verify)
    assert payload == b"\xf6"
