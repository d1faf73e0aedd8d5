"""Which key of the ledger's a player believes, on every runtime: followed step by step, kept over every power cut."""

import os

from amos import crypto
from amos.edges.two_slot_file import TwoSlotFile
from amos.edges.two_slot_memory import TwoSlotMemory
from amos.ledger_keys import KEPT_BYTES_MAX, LedgerKeys
from amos.protocol.errors import ProtocolError
from amos.protocol.rotation import OPERATOR, appointment, split_appointment
from protocol_examples import Party
from rotation_examples import appointed

PATH = "/tmp/amos-ledger-key-%d" % int.from_bytes(os.urandom(4), "big")
SEEDS = [10, 11, 12, 13]
PARTIES = [Party(seed) for seed in SEEDS]
THIEF = Party(66)


LINE = [appointed(PARTIES[at], PARTIES[at + 1], at + 1) for at in range(3)]


def refused(keys, data, said):
    before = keys.key
    try:
        keys.take(data, crypto.verify)
    except ProtocolError as error:
        assert said in str(error), (said, str(error))
        assert keys.key == before
        return
    raise AssertionError("expected a refusal: " + said)


def test_a_player_that_was_off_walks_the_whole_line():
    kept = TwoSlotMemory()
    keys = LedgerKeys(PARTIES[0].public_key, kept)
    assert keys.key == PARTIES[0].public_key
    for at, data in enumerate(LINE):
        keys.take(data, crypto.verify)
        assert keys.key == PARTIES[at + 1].public_key
        assert LedgerKeys(PARTIES[0].public_key, kept).key == keys.key
    for data in LINE:
        keys.take(data, crypto.verify)  # again is no error
    assert keys.key == PARTIES[3].public_key


def test_it_follows_no_step_that_it_cannot_check():
    keys = LedgerKeys(PARTIES[0].public_key, TwoSlotMemory())
    refused(keys, LINE[1], "rotation.old_key: expected")
    keys.take(LINE[0], crypto.verify)
    first, second, third = PARTIES[1], PARTIES[2], PARTIES[3]
    for data, said in (
        (appointed(first, third, 3), "rotation: expected number 2"),
        (appointed(first, second, 2, origin="other.example"), "rotation: expected number 2 of ledger.example"),
        (appointed(first, THIEF, 2, signed_by=THIEF), "signature"),
        (appointed(first, THIEF, 2, receipt_by=first), "signature"),
        (appointed(PARTIES[0], THIEF, 2), "rotation.old_key: expected"),
        (LINE[1][:-1], ""),
        (b"\x82\x40\x40", ""),
    ):
        refused(keys, data, said)
    assert not keys.take(appointed(first, second, 2, role=OPERATOR), crypto.verify)
    strange = LINE[1].replace(b"\xa9\x01\x01\x02\x02", b"\xa9\x01\x01\x02\x03")
    assert strange != LINE[1]
    refused(keys, strange, "role 1 or 2")
    assert keys.key == first.public_key
    mixed = appointment(split_appointment(LINE[1])[0], split_appointment(LINE[0])[1])
    refused(keys, mixed, "signature")
    keys.take(LINE[1], crypto.verify)
    assert keys.key == second.public_key


def test_a_stolen_old_key_leads_nobody_away_who_has_heard():
    keys = LedgerKeys(PARTIES[0].public_key, TwoSlotMemory())
    keys.take(LINE[0], crypto.verify)
    keys.take(appointed(PARTIES[0], THIEF, 1), crypto.verify)  # passed over: that number is behind it
    assert keys.key == PARTIES[1].public_key


def test_other_settings_begin_anew_and_a_later_key_in_them_goes_on():
    kept = TwoSlotMemory()
    LedgerKeys(PARTIES[0].public_key, kept).take(LINE[0], crypto.verify)
    later = LedgerKeys(PARTIES[2].public_key, kept)
    assert later.key == PARTIES[2].public_key
    refused(later, LINE[0], "rotation.old_key: expected")
    later.take(LINE[1], crypto.verify)
    later.take(LINE[2], crypto.verify)
    assert LedgerKeys(PARTIES[2].public_key, kept).key == PARTIES[3].public_key


class Failing(TwoSlotMemory):
    """Storage that takes nothing."""

    def write(self, content):
        raise OSError(5, "no")


def test_what_cannot_be_stored_is_not_believed():
    keys = LedgerKeys(PARTIES[0].public_key, Failing())
    refused(keys, LINE[0], "rotation: expected to be stored")


def test_a_cut_at_every_byte_of_every_write_leaves_one_key_or_the_next():
    files = (PATH + ".0", PATH + ".1")
    try:
        for step in range(3):
            before = LedgerKeys(PARTIES[0].public_key, TwoSlotFile(PATH, KEPT_BYTES_MAX))
            assert before.key == PARTIES[step].public_key
            before.take(LINE[step], crypto.verify)
            written = files[(step + 1) % 2]
            with open(written, "rb") as file:
                whole = file.read()
            for size in range(len(whole)):
                with open(written, "wb") as file:
                    file.write(whole[:size])
                found = LedgerKeys(PARTIES[0].public_key, TwoSlotFile(PATH, KEPT_BYTES_MAX))
                assert found.key == PARTIES[step].public_key
            found.take(LINE[step], crypto.verify)  # the courier brings it again
    finally:
        for name in files:
            try:
                os.remove(name)
            except OSError:
                pass
