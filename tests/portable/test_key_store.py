"""A device's key file: made bound to its hardware, bound when it was plain, refused by name elsewhere."""

import os

from amos.crypto import key_id, public_key
from amos.edges.hardware import BOARD, MACHINE, SOC, hardware_ids
from amos.edges.key_files import KeyFault
from amos.edges.key_store import load_or_make_device_seed, load_or_make_seed

HERE = [(SOC, b"10000000a1b2c3d4"), (MACHINE, b"0123")]
ELSEWHERE = [(SOC, b"10000000ffffffff"), (MACHINE, b"4567")]
PATH = "/tmp/amos-key-store-%d.key" % int.from_bytes(os.urandom(4), "big")


def device_id_of(seed):
    return key_id(public_key(seed))


def removed():
    for name in (PATH, PATH + ".new"):
        try:
            os.remove(name)
        except OSError:
            pass


def content(path=PATH):
    with open(path, "rb") as file:
        return file.read()


def put(data, path=PATH):
    with open(path, "wb") as file:
        file.write(data)


def load(hardware):
    return load_or_make_device_seed(PATH, hardware, device_id_of)


def refused(hardware):
    try:
        load(hardware)
    except KeyFault as error:
        return str(error)
    raise AssertionError("expected a KeyFault")


def test_a_key_is_made_bound_and_found_again():
    removed()
    seed, sentence = load(HERE)
    assert sentence == "key: bound to the SoC serial number"
    assert load(HERE) == (seed, sentence)
    data = content()
    assert len(data) == 89 and seed not in data and device_id_of(seed) in data
    again, _sentence = load([(MACHINE, b"other"), HERE[0]])  # whatever else is known there
    assert again == seed
    removed()
    assert load(HERE)[0] != seed
    removed()


def test_a_copied_file_is_refused_by_name_and_stays():
    removed()
    seed, _sentence = load(HERE)
    data = content()
    text = refused(ELSEWHERE)
    assert device_id_of(seed).hex() in text and "bound to another SoC serial number" in text
    text = refused([(BOARD, b"10000000a1b2c3d4")])
    assert "bound to a SoC serial number, and this machine shows none" in text
    refused([])
    assert content() == data
    assert load(HERE)[0] == seed
    removed()


def test_a_plain_file_is_bound_at_the_first_start_that_can_and_keeps_its_seed():
    removed()
    seed, sentence = load([])
    assert content() == seed and "bound to nothing" in sentence
    assert load([]) == (seed, sentence)
    assert load(HERE) == (seed, "key: bound to the SoC serial number")
    assert len(content()) == 89
    refused(ELSEWHERE)
    assert load(HERE)[0] == seed
    removed()


def test_every_damaged_byte_is_refused_and_nothing_is_overwritten():
    removed()
    load(HERE)
    data = content()
    for at in range(len(data)):
        wrong = bytearray(data)
        wrong[at] ^= 1
        put(bytes(wrong))
        assert "expected a device's key" in refused(HERE), at
        assert content() == bytes(wrong)
    for wrong in (b"", data[:-1], data + b"x", bytes(31), bytes(33)):
        put(wrong)
        refused(HERE)
    removed()


def test_a_cut_between_two_names_loses_no_key_and_takes_no_torn_one():
    removed()
    seed, _sentence = load(HERE)
    os.rename(PATH, PATH + ".new")  # FAT: the old name is gone, the new one not there yet
    assert load(HERE)[0] == seed
    assert content() and load(HERE)[0] == seed
    data = content()
    removed()
    for torn in (data[:40], data[:-1] + bytes([data[-1] ^ 1]), bytes(32), b""):
        put(torn, PATH + ".new")
        made, _sentence = load(HERE)
        assert made != seed and made != bytes(32)
        removed()


def test_a_hosts_key_stays_plain_and_a_devices_is_no_hosts():
    removed()
    seed = load_or_make_seed(PATH)
    assert content() == seed and load_or_make_seed(PATH) == seed
    removed()
    load(HERE)
    try:
        load_or_make_seed(PATH)
        raise AssertionError("expected a KeyFault")
    except KeyFault as error:
        assert "expected 32 bytes, found 89" in str(error) or "found 90" in str(error)
    removed()


def test_numbers_of_this_machine_are_the_same_at_every_look():
    found = hardware_ids()
    assert found == hardware_ids()
    for kind, number in found:
        assert kind in (SOC, MACHINE, BOARD) and 1 <= len(number) <= 64
