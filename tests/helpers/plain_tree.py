"""The Merkle tree of RFC 9162, and signed notes and tiles of C2SP, in words that share nothing with `amos`."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from plain_cbor import good_signature

TILE_WIDTH = 256


def leaf(entry: bytes) -> bytes:
    return sha256(b"\0" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


class Tree:
    """All hashes of complete subtrees over these entries: `rows[level][index]`."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.size = len(entries)
        self.rows = [[leaf(entry) for entry in entries]]
        while len(row := self.rows[-1]) > 1:
            self.rows.append([node(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)])

    def root(self, size: int) -> bytes:
        """Of the first `size` entries: complete subtrees from the left, folded from the right."""
        peaks, first = [], 0
        for level in range(size.bit_length() - 1, -1, -1):
            if size >> level & 1:
                peaks.append(self.rows[level][first >> level])
                first += 1 << level
        if not peaks:
            return sha256(b"").digest()
        root = peaks.pop()
        while peaks:
            root = node(peaks.pop(), root)
        return root

    def tile(self, level: int, index: int, width: int) -> bytes:
        """The hashes of a tile, as its file holds them."""
        return b"".join(self.rows[level * 8][index * TILE_WIDTH : index * TILE_WIDTH + width])


def root_of_path(entry: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Where the path leads that proves the entry at `index` of `size` (RFC 9162 section 2.1.3.2)."""
    assert index < size
    at, last, found = index, size - 1, leaf(entry)
    for sibling in path:
        assert last, "a path longer than the tree is high"
        if at & 1 or at == last:
            found = node(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node(found, sibling)
        at, last = at >> 1, last >> 1
    assert last == 0, "a path shorter than the tree is high"
    return found


@dataclass(frozen=True)
class Head:
    """A signed tree head."""

    size: int
    root: bytes


@lru_cache(maxsize=4096)
def read_note(note: bytes, origin: str, public_key: bytes) -> Head:
    """The tree head of a signed note by this log's key; asserts its signature."""
    text, _, signatures = note.partition(b"\n\n")
    name, size, root = text.decode().split("\n")
    assert name == origin
    key_id = sha256(origin.encode() + b"\n\x01" + public_key).digest()[:4]
    good = []
    for line in signatures.decode().splitlines():
        dash, signer, encoded = line.split(" ")
        signature = base64.b64decode(encoded)
        if dash == "\N{EM DASH}" and signer == origin and signature[:4] == key_id:
            good.append(good_signature(public_key, text + b"\n", signature[4:]))
    assert good and all(good), "a tree head without the ledger's signature"
    return Head(int(size), base64.b64decode(root))


def grouped(index: int) -> str:
    """A tile's number as it stands in its name: 1234067 is x001/x234/067."""
    text = f"{index:03}"
    text = text.zfill(-(-len(text) // 3) * 3)
    groups = [text[at : at + 3] for at in range(0, len(text), 3)]
    return "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])


def split_bundle(data: bytes) -> list[bytes]:
    """The entries of a bundle."""
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        assert end <= len(data), "a torn bundle"
        entries.append(data[at + 2 : end])
        at = end
    return entries
