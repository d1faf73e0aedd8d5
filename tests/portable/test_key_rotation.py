"""A device's key gives way to the next: what the files hold then, on every runtime."""

import os

from amos import crypto
from amos.device_key import load_key
from amos.edges.hardware import SOC
from amos.edges.key_files import HISTORY, KEY, NEXT_KEY, REQUEST, KeyFault, exists
from amos.identity import Identity
from amos.key_rotation import finish, rotate
from amos.protocol.handover import handover_message, open_key_history
from amos.protocol.limits import HANDOVERS_MAX, KEY_HISTORY_BYTES_MAX

HERE = [(SOC, b"10000000a1b2c3d4")]
FOLDER = "/tmp/amos-rotation-%d" % int.from_bytes(os.urandom(4), "big")


class Board:
    board = "linux"
    voices = 16


def emptied():
    if exists(FOLDER):
        for name in os.listdir(FOLDER):
            os.remove(FOLDER + "/" + name)
    else:
        os.mkdir(FOLDER)


def removed():
    emptied()
    os.rmdir(FOLDER)


def start(hardware=HERE):
    seed, history, _bound = load_key(FOLDER, hardware)
    return Identity(seed, Board, history)


def ask():
    with open(FOLDER + REQUEST, "wb"):
        pass


def content(name):
    with open(FOLDER + name, "rb") as file:
        return file.read()


def test_the_id_stays_and_the_key_before_hands_over():
    for hardware in (HERE, []):
        emptied()
        first = start(hardware)
        old_key, old_file = first.public_key, content(KEY)
        assert first.key_history is None and first.key_id == first.device_id
        ask()
        said = rotate(FOLDER, first, 7, hardware)
        assert "segment 7" in said and first.key_id.hex() in said
        assert first.device_id == crypto.key_id(old_key) != first.key_id
        after = start(hardware)
        assert (after.device_id, after.public_key) == (first.device_id, first.public_key)
        assert after.key_history == first.key_history
        history = open_key_history(after.key_history, crypto.verify)
        assert history.device_id == after.device_id and history.public_key == after.public_key
        assert [handover.first_sequence for handover in history.handovers] == [7]
        message = handover_message(after.device_id, 7, after.public_key)
        assert crypto.verify(old_key, message, history.handovers[0].signature)
        assert crypto.verify(after.public_key, b"amos/1/identify\x00" + bytes(16), after.sign_identity(bytes(16)))
        assert sorted(os.listdir(FOLDER)) == ["device.key", "key-history.0", "key-history.1"]
        assert content(KEY) != old_file
        removed()


def test_the_key_changes_again_and_again_up_to_the_limit():
    emptied()
    identity = start()
    device_id = identity.device_id
    for number in range(HANDOVERS_MAX):
        ask()
        rotate(FOLDER, identity, (1 << 63) - 1 - HANDOVERS_MAX + number // 2, HERE)  # also twice at one sequence
        assert identity.device_id == start().device_id == device_id
    history = open_key_history(start().key_history, crypto.verify)
    assert len(history.handovers) == HANDOVERS_MAX and len(history.encode()) <= KEY_HISTORY_BYTES_MAX
    ask()
    key_id = identity.key_id
    assert "not rotated" in rotate(FOLDER, identity, (1 << 63) - 1, HERE)
    assert not exists(FOLDER + REQUEST) and not exists(FOLDER + NEXT_KEY)
    assert start().key_id == identity.key_id == key_id
    removed()


def test_an_old_key_put_back_is_refused_by_name():
    emptied()
    identity = start()
    before = content(KEY)
    ask()
    rotate(FOLDER, identity, 1, HERE)
    with open(FOLDER + KEY, "wb") as file:
        file.write(before)
    try:
        start()
    except KeyFault as error:
        assert identity.key_id.hex() in str(error) and identity.device_id.hex() in str(error)
    else:
        raise AssertionError("expected a KeyFault")
    removed()


def test_damaged_handovers_are_refused_and_one_damaged_slot_is_not_missed():
    emptied()
    identity = start()
    ask()
    rotate(FOLDER, identity, 5, HERE)
    for slot in (".0", ".1"):
        with open(FOLDER + HISTORY + slot, "wb") as file:
            file.write(b"damage")
        if slot == ".0":
            assert start().key_id == identity.key_id
            assert finish(FOLDER)[0].public_key == identity.public_key
    try:
        start()
    except KeyFault as error:
        assert "damage" in str(error)
    else:
        raise AssertionError("expected a KeyFault")
    removed()
