"""Which key of the operator's a player believes, on every runtime: the log decides, through the ledger's receipt."""

import os

from amos import crypto
from amos.edges.two_slot_file import TwoSlotFile
from amos.edges.two_slot_memory import TwoSlotMemory
from amos.ledger_keys import KEPT_BYTES_MAX, LedgerKeys
from amos.operator_keys import OperatorKeys
from amos.protocol.errors import ProtocolError
from amos.protocol.rotation import OPERATOR, appointment, split_appointment
from protocol_examples import Party
from rotation_examples import appointed

PATH = "/tmp/amos-operator-key-%d" % int.from_bytes(os.urandom(4), "big")
LEDGER, NEXT_LEDGER, THIEF = Party(20), Party(21), Party(66)
PARTIES = [Party(seed) for seed in (10, 11, 12, 13)]


def rotation(at, new=None, number=None, by=LEDGER, **more):
    """The `at`th key gives way, and the ledger has that in its log."""
    return appointed(PARTIES[at], new or PARTIES[at + 1], number or at + 1, role=OPERATOR, receipt_by=by, **more)


LINE = [rotation(at) for at in range(3)]


def keys_of(kept=None, first=PARTIES[0], ledger=LEDGER):
    return OperatorKeys(first.public_key, LedgerKeys(ledger.public_key), kept)


def refused(keys, data, said):
    before = keys.key
    try:
        keys.take(data, crypto.verify)
    except ProtocolError as error:
        assert said in str(error), (said, str(error))
        assert keys.key == before
        return
    raise AssertionError("expected a refusal: " + said)


def test_a_player_that_was_off_for_months_walks_the_whole_line():
    kept = TwoSlotMemory()
    keys = keys_of(kept)
    for at, data in enumerate(LINE):
        assert keys.take(data, crypto.verify)
        assert keys.key == PARTIES[at + 1].public_key == keys_of(kept).key
    for data in LINE:
        keys.take(data, crypto.verify)  # again, and what is behind it, is no error
    assert keys.key == PARTIES[3].public_key


def test_a_stolen_old_key_appoints_nobody_that_the_log_does_not_have():
    keys = keys_of(TwoSlotMemory())
    refused(keys, rotation(0, THIEF, by=THIEF), "signature")
    refused(keys, rotation(0, THIEF, by=PARTIES[0]), "signature")
    refused(keys, appointment(split_appointment(rotation(0, THIEF))[0], split_appointment(LINE[0])[1]), "signature")
    keys.take(LINE[0], crypto.verify)
    keys.take(rotation(0, THIEF), crypto.verify)  # passed over: that number is behind it
    refused(keys, rotation(0, THIEF, 2), "rotation.old_key: expected")
    assert keys.key == PARTIES[1].public_key


def test_it_follows_no_step_that_it_cannot_check():
    keys = keys_of(TwoSlotMemory())
    refused(keys, LINE[1], "rotation.old_key: expected")
    keys.take(LINE[0], crypto.verify)
    for data, said in (
        (rotation(1, number=3), "rotation: expected number 2"),
        (rotation(1, origin="other.example"), "rotation: expected number 2 of ledger.example"),
        (rotation(1, signed_by=THIEF), "signature"),
        (LINE[1][:-1], ""),
    ):
        refused(keys, data, said)
    assert not keys.take(appointed(PARTIES[1], PARTIES[2], 2), crypto.verify), "the ledger's own"
    assert keys.key == PARTIES[1].public_key


def test_the_receipt_is_by_the_key_of_the_ledger_that_counts():
    ledger_keys = LedgerKeys(LEDGER.public_key)
    keys = OperatorKeys(PARTIES[0].public_key, ledger_keys)
    refused(keys, rotation(0, by=NEXT_LEDGER), "signature")
    ledger_keys.take(appointed(LEDGER, NEXT_LEDGER, 1), crypto.verify)
    refused(keys, LINE[0], "signature")  # whoever has the ledger's old key may have stolen it
    keys.take(rotation(0, by=NEXT_LEDGER), crypto.verify)
    assert keys.key == PARTIES[1].public_key


def test_other_settings_begin_anew_and_a_later_key_in_them_goes_on():
    kept = TwoSlotMemory()
    keys_of(kept).take(LINE[0], crypto.verify)
    later = keys_of(kept, PARTIES[2])
    assert later.key == PARTIES[2].public_key
    refused(later, LINE[0], "rotation.old_key: expected")
    later.take(LINE[2], crypto.verify)
    assert keys_of(kept, PARTIES[2]).key == PARTIES[3].public_key


def test_what_cannot_be_stored_is_not_believed():
    kept = TwoSlotMemory()
    kept.fails = True
    refused(keys_of(kept), LINE[0], "rotation: expected to be stored")


def test_a_cut_at_every_byte_of_every_write_leaves_one_key_or_the_next():
    files = (PATH + ".0", PATH + ".1")
    try:
        for step in range(3):
            before = keys_of(TwoSlotFile(PATH, KEPT_BYTES_MAX))
            assert before.key == PARTIES[step].public_key
            before.take(LINE[step], crypto.verify)
            written = files[(step + 1) % 2]
            with open(written, "rb") as file:
                whole = file.read()
            for size in range(len(whole)):
                with open(written, "wb") as file:
                    file.write(whole[:size])
                found = keys_of(TwoSlotFile(PATH, KEPT_BYTES_MAX))
                assert found.key == PARTIES[step].public_key
            found.take(LINE[step], crypto.verify)  # the courier brings it again
    finally:
        for name in files:
            try:
                os.remove(name)
            except OSError:
                pass
