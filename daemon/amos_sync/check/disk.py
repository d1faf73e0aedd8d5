"""The folder of the spool: it can be made and written, the disk has room, and what lies there is a spool."""

import os
import shutil
import tempfile
from pathlib import Path

from amos_sync.check.finding import Finding, fine, wrong
from amos_sync.errors import SpoolError
from amos_sync.report import report
from amos_sync.spool_file import FILE_NAME

FREE_BYTES_MIN = 64 << 20
"""Below this a database may not be able to grow by one commit of a busy venue, whatever the spool's own limit."""

_PART = "disk"


def check_disk(spool: Path, spool_bytes_max: int) -> list[Finding]:
    """Writes an empty file into the spool's folder, or where it would be made, and removes it."""
    there = next(path for path in (spool, *spool.absolute().parents) if path.exists())
    if not there.is_dir():
        return [wrong(_PART, f"{spool}: {there} is no folder", "name a folder for the spool", "spool")]
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(bytes(1 << 16))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return [wrong(_PART, f"{there}: cannot be written: {error.strerror}", _advice_on(error, there), "spool")]
    found = [_room(there, spool_bytes_max)]
    if (spool / FILE_NAME).exists():
        found.append(_kept(spool))
    return found


def _advice_on(error: OSError, folder: Path) -> str:
    user = f"the user of the courier (this check ran as uid {os.geteuid()})"
    return {
        "No space left on device": f"make room on the disk of {folder}, or name a folder on another disk",
        "Read-only file system": f"mount it for writing (mount -o remount,rw), look at the card with dmesg, or move"
        f" the spool: {folder} has to take writes",
        "Permission denied": f"let {user} write there: chown it",
    }.get(str(error.strerror), f"have {folder} take writes, or name another folder")


def _room(folder: Path, spool_bytes_max: int) -> Finding:
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES_MIN:
        advice = f"make room: the spool may take {spool_bytes_max >> 20} MiB (spool-mib)"
        return wrong(_PART, f"{folder}: only {free >> 20} MiB are free", advice, "spool")
    return fine(_PART, f"{folder} takes writes, {free >> 20} MiB are free")


def _kept(spool: Path) -> Finding:
    try:
        found = report(spool)
    except SpoolError as error:
        return wrong(_PART, str(error), "keep a copy, and move the damaged file away; the courier begins a new one")
    state = "a courier uses it" if found["running"] else "no courier uses it"
    return fine(_PART, f"spool {spool}: {found['waiting']} segments wait for receipts, {state}")
