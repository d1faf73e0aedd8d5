"""Entries of the log that are text: one form each, and every other is refused by name."""

import re
from pathlib import Path

import pytest

from amos.protocol.batch import batch_unix_s
from amos.protocol.document import CATALOGUE, MANIFEST, document_entry, read_document
from amos.protocol.errors import LocalError, MessageError
from amos.protocol.quarantine import quarantine_entry, read_quarantine
from amos.protocol.record import UNIX_S_MAX

DEVICE, SHA256 = bytes(range(16)), bytes(range(32))
SPEC = Path(__file__).parents[2] / "firmware/amos/protocol/SPEC.md"


def test_a_document_comes_back_as_it_went() -> None:
    for kind, serial, unix_s in ((MANIFEST, 0, None), (CATALOGUE, (1 << 63) - 1, 0), (CATALOGUE, 3, UNIX_S_MAX)):
        assert read_document(document_entry(kind, serial, SHA256, unix_s)) == (kind, serial, SHA256, unix_s)


@pytest.mark.parametrize(
    "reason, shown",
    [
        ("fork: sequence 7", "fork: sequence 7"),
        ("a\nb\x1b\u00e9", "a?b??"),
        ("", "?"),
        (" x ", "x"),
        ("y" * 999, "y" * 256),
    ],
)
def test_a_quarantine_comes_back_with_a_reason_that_a_terminal_may_show(reason: str, shown: str) -> None:
    entry = quarantine_entry(DEVICE, 7, SHA256, reason)
    assert read_quarantine(entry) == (DEVICE, 7, SHA256, shown)


def test_the_entries_of_the_page_are_read_and_written_alike() -> None:
    (lines,) = re.findall(r"```text entries\n(.*?)```", SPEC.read_text(), re.DOTALL)
    kinds = []
    for line in lines.splitlines(keepends=True):
        entry = line.encode()
        document, quarantine = read_document(entry), read_quarantine(entry)
        if document is not None:
            assert document_entry(*document) == entry
        elif quarantine is not None:
            assert quarantine_entry(*quarantine) == entry
        else:
            assert batch_unix_s(entry) is not None
        kinds.append(entry.split(b"/")[0])
    assert set(kinds) == {b"amos-batch", b"amos-document", b"amos-quarantine"}


@pytest.mark.parametrize(
    "entry, reader",
    [
        (f"amos-document/1 {rest}".encode(), read_document)
        for rest in (
            "", "\n", f"score 1 {SHA256.hex()}\n", f"manifest 1 {SHA256.hex()}", f"manifest 01 {SHA256.hex()}\n",
            f"manifest +1 {SHA256.hex()}\n", f"manifest 1  {SHA256.hex()}\n", f"manifest 1 {SHA256.hex().upper()}\n",
            f"manifest 1 {SHA256.hex()}00\n", f"manifest {1 << 63} {SHA256.hex()}\n", f"manifest 1 {SHA256.hex()} \n",
            f"manifest \u0661 {SHA256.hex()}\n",
        )
    ]
    + [
        (f"amos-document/2 manifest 1 {SHA256.hex()}{rest}".encode(), read_document)
        for rest in ("\n", " \n", " -1\n", " 01\n", f" {UNIX_S_MAX + 1}\n", " 5", " 5 6\n")
    ]
    + [
        (f"amos-quarantine/1 {rest}".encode(), read_quarantine)
        for rest in (
            "", f"{DEVICE.hex()} 1 {SHA256.hex()}\n", f"{DEVICE.hex()} 1 {SHA256.hex()} \n",
            f"{DEVICE.hex()} 1 {SHA256.hex()} a\x1b\n", f"{DEVICE.hex()} 1 {SHA256.hex()} {'y' * 257}\n",
            f"{DEVICE.hex()[2:]} 1 {SHA256.hex()} a\n", f"{DEVICE.hex()} -1 {SHA256.hex()} a\n",
            f"{DEVICE.hex()} 1 {SHA256.hex()} a \n", f"{DEVICE.hex()} 1 {SHA256.hex()} a\n\n",
        )
    ],
)  # fmt: skip
def test_another_form_is_refused(entry: bytes, reader) -> None:
    with pytest.raises(MessageError):
        reader(entry)


def test_what_is_of_another_kind_is_none() -> None:
    for entry in (b"", b"amos-batch/1 60\n", b"\xd2\x84", b"amos-document/3 x\n"):
        assert read_document(entry) is None and read_quarantine(entry) is None


@pytest.mark.parametrize(
    "kind, serial, sha256, unix_s",
    [("score", 1, SHA256, 0), (MANIFEST, -1, SHA256, None), (MANIFEST, 1, b"", 0), (MANIFEST, 1, SHA256, -1)],
)
def test_nothing_is_written_that_could_not_be_read(kind: str, serial: int, sha256: bytes, unix_s: int | None) -> None:
    with pytest.raises(LocalError):
        document_entry(kind, serial, sha256, unix_s)
    with pytest.raises(LocalError):
        quarantine_entry(DEVICE, -1, SHA256, "x")
