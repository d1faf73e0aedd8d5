"""The publisher's opt-out list: what the vault's artists have taken back, signed."""

from collections.abc import Sequence
from pathlib import Path

from amos.crypto import key_id, public_key, sign, verify
from amos.protocol.errors import LocalError, ProtocolError
from amos.protocol.limits import OPT_OUTS_BYTES_MAX, OPT_OUTS_MAX
from amos.protocol.opt_outs import open_opt_outs
from amos.protocol.signing import list_opt_outs, sign_opt_outs
from amos_tools.pack.errors import NotRepresentable, SerialNotNewer, UnreadablePack
from amos_tools.pack.folder import write_durably
from amos_tools.stems import StemFacts
from amos_tools.vault import Vault


def withdrawn(vault: Vault) -> list[StemFacts]:
    """Stems that were opted in once, so that a pack may hold them, and are not any more."""
    return [stem for stem in vault.published_stems() if not stem.opt_in]


def make_opt_outs(stems: Sequence[StemFacts], publisher_seed: bytes, serial: int, issued_unix_s: int) -> bytes:
    """The signed list; the same arguments give the same bytes. Raises `NotRepresentable`."""
    if len(stems) > OPT_OUTS_MAX:
        raise NotRepresentable(f"opt-outs: expected at most {OPT_OUTS_MAX} stems, found {len(stems)}")
    try:
        return sign_opt_outs(
            list_opt_outs(serial, issued_unix_s, [stem.stem_id for stem in stems]),
            key_id(public_key(publisher_seed)),
            lambda message: sign(publisher_seed, message),
        )
    except LocalError as error:
        raise NotRepresentable(str(error)) from None


def write_opt_outs(path: Path, signed: bytes, publisher: bytes) -> None:
    """Put the list at `path`, durably. Raises `SerialNotNewer`, `UnreadablePack`, `PackStorageFailed`."""
    try:
        with path.open("rb") as file:
            there = file.read(OPT_OUTS_BYTES_MAX + 1)
        if there == signed:
            return
        found, serial = [open_opt_outs(data, publisher, verify).serial for data in (there, signed)]
    except FileNotFoundError:
        found, serial = -1, 0
    except (OSError, ProtocolError) as error:
        raise UnreadablePack(f"{path}: expected this publisher's opt-out list, found {error}") from None
    if serial <= found:
        raise SerialNotNewer(f"{path}: expected a serial above {found}, found {serial} for another list")
    write_durably(path, signed)
