"""Files and folders that are their owner's alone, on every runtime that has users."""

import os

from amos.compat import MICROPYTHON
from amos.edges.private import create_private, keep_private, make_private_folder, open_private

PATH = "/tmp/amos-private-%d" % int.from_bytes(os.urandom(4), "big")
NAMES = ("", ".victim", ".link")
try:
    import ffi

    HAS_USERS = True
except ImportError:
    HAS_USERS = not MICROPYTHON


def mode_of(path):
    return os.stat(path)[0] & 0o777


def content(path):
    with open(path, "rb") as file:
        return file.read()


def removed():
    for name in NAMES:
        try:
            os.remove(PATH + name)
        except OSError:
            pass


def put(path, data):
    with open(path, "wb") as file:
        file.write(data)


def link_to(target, path):
    if MICROPYTHON:
        assert ffi.open(None).func("i", "symlink", "ss")(target, path) == 0
    else:
        os.symlink(target, path)


def test_what_is_written_reads_back_and_is_the_owners():
    removed()
    with create_private(PATH) as file:
        file.write(b"first")
    assert content(PATH) == b"first"
    with open_private(PATH, "ab") as file:
        file.write(b", more")
    with open_private(PATH, "r+b", 0) as file:
        file.write(b"F")
    assert content(PATH) == b"First, more"
    with open_private(PATH, "wb") as file:
        file.write(b"anew")
    assert content(PATH) == b"anew"
    if HAS_USERS:
        assert mode_of(PATH) == 0o600
    removed()


def test_a_file_that_was_open_to_others_is_closed_to_them():
    removed()
    put(PATH, b"1")
    with open(PATH, "rb") as file:
        keep_private(file)
    if HAS_USERS:
        assert mode_of(PATH) == 0o600
    removed()


def test_no_link_is_followed():
    if not HAS_USERS:
        return
    for mode in ("wb", "ab", "r+b"):
        removed()
        put(PATH + ".victim", b"another's")
        link_to(PATH + ".victim", PATH + ".link")
        try:
            open_private(PATH + ".link", mode)
            raise AssertionError(mode)
        except OSError:
            pass
        with create_private(PATH + ".link") as file:
            file.write(b"mine")
        assert (content(PATH + ".victim"), content(PATH + ".link")) == (b"another's", b"mine")
    removed()


def test_a_missing_file_is_not_made_where_one_is_expected():
    removed()
    try:
        open_private(PATH, "r+b")
        raise AssertionError("expected OSError")
    except OSError:
        pass


def test_a_folder_is_the_owners_and_made_once():
    folder = PATH + ".folder"
    make_private_folder(folder)
    try:
        if HAS_USERS:
            assert mode_of(folder) == 0o700
        try:
            make_private_folder(folder)
            raise AssertionError("expected OSError")
        except OSError:
            pass
    finally:
        os.rmdir(folder)
