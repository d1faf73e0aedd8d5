"""In which order a device can have sealed its segments (daemon/DESIGN.md section 11). Pure.

A segment is held against the accepted ones with the next lower and the next higher number, also across a declared loss:
the counters are kept beside the key, so a swapped, wiped or restored card does not set them back
(`amos/journal/reservation.py`). By induction it is held against every accepted segment of the device. Only what has to
follow without a hole is compared directly.
"""

from collections.abc import Iterator

from amos.protocol.segment import SEAL_POWER_LOSS, Usage
from amos_ledger.intake.facts import Facts
from amos_ledger.records import Sealed

Place = tuple[int, int, int]
"""(boot, session, frame)."""


def boot_back(facts: Facts) -> str | None:
    """The boot counter only rises (`Journal.begin_boot`)."""
    for earlier, later in _neighbours(facts):
        if later[0] < earlier[0]:
            return f"boot: expected at least {earlier[0]} after it, found {later[0]}"
    return None


def session_back(facts: Facts) -> str | None:
    """The session counter only rises, whatever the boot (`Journal.begin_session`)."""
    for earlier, later in _neighbours(facts):
        if later[1] < earlier[1]:
            return f"session: expected at least {earlier[1]} after it, found {later[1]}"
    return None


def session_in_two_boots(facts: Facts) -> str | None:
    """A session ends with its boot (`Journal.begin_session`)."""
    for earlier, later in _neighbours(facts):
        if later[1] == earlier[1] and later[0] != earlier[0]:
            return f"session {later[1]}: expected in boot {earlier[0]} alone, found in {later[0]}"
    return None


def frames_again(facts: Facts) -> str | None:
    """A segment begins where the one before ended (`Session._opened`)."""
    for earlier, later in _neighbours(facts):
        if later[:2] == earlier[:2] and later[2] < earlier[2]:
            return f"first_frame: expected at least {earlier[2]} in session {later[1]}, found {later[2]}"
    return None


def frames_skipped(facts: Facts) -> str | None:
    """Every frame of a session is in one of its segments (`Session._opened`)."""
    before, after = facts.next_to
    here = _first(facts.segment), _end(facts.segment)
    for earlier, later in ((before and _end(before), here[0]), (here[1], after and _first(after))):
        if earlier and later and later[:2] == earlier[:2] and later[2] > earlier[2]:
            return f"first_frame: expected {earlier[2]}, where the segment before ends, found {later[2]}"
    return None


def session_begins_late(facts: Facts) -> str | None:
    """A session counts its frames from 0 (`Session.frame`)."""
    before, after = facts.next_to
    usage = facts.segment
    fresh = usage.sequence == 1 or (before is not None and before.session != usage.session)
    if fresh and usage.first_frame:
        return f"first_frame: expected 0 in the first segment of session {usage.session}, found {usage.first_frame}"
    if after is not None and after.session != usage.session and after.first_frame:
        return f"first_frame: expected 0 in the first segment of session {after.session}, found {after.first_frame}"
    return None


def goes_on_after_power_loss(facts: Facts) -> str | None:
    """A session ends with the power (`UsageLog.seal_power_loss`)."""
    for earlier, later in facts.usages_in_order:
        if earlier.session == later.session and earlier.reason == SEAL_POWER_LOSS:
            return f"session {later.session}: expected to have ended with the power at frame {earlier.end_frame}"
    return None


def start_state_changed(facts: Facts) -> str | None:
    """A session starts once (`Session.__init__`)."""
    return _changed(facts, "start_state", "session")


def pack_changed(facts: Facts) -> str | None:
    """Another pack is another session (`Session.give_way`)."""
    return _changed(facts, "pack", "session")


def output_changed(facts: Facts) -> str | None:
    """An output that was lost is opened again at the same address (`Output.reopen`)."""
    return _changed(facts, "output_kind", "session")


def pace_changed(facts: Facts) -> str | None:
    """The pace is a setting, read at the start of the process."""
    return _changed(facts, "pace", "session")


def version_changed(facts: Facts) -> str | None:
    """One process is one version of the firmware."""
    return _changed(facts, "version", "boot")


def seed_root_changed(facts: Facts) -> str | None:
    """The root is that of the boot, whatever receipts come later."""
    return _changed(facts, "seed_root", "boot")


def _changed(facts: Facts, name: str, within: str) -> str | None:
    for earlier, later in facts.usages_in_order:
        if getattr(earlier, within) == getattr(later, within) and getattr(earlier, name) != getattr(later, name):
            expected, found = (_text(getattr(usage, name)) for usage in (earlier, later))
            return f"{name}: expected {expected} throughout {within} {getattr(later, within)}, found {found}"
    return None


def _text(value: object) -> str:
    return value.hex()[:16] if isinstance(value, bytes) else str(value)


def _neighbours(facts: Facts) -> Iterator[tuple[Place, Place]]:
    """(where the earlier one ends, where the later one begins) of the segment and its accepted neighbours."""
    if facts.before is not None:
        yield _end(facts.before), _first(facts.segment)
    if facts.after is not None:
        yield _end(facts.segment), _first(facts.after)


def _first(sealed: Sealed | Usage) -> Place:
    return sealed.boot, sealed.session, sealed.first_frame


def _end(sealed: Sealed | Usage) -> Place:
    return sealed.boot, sealed.session, sealed.end_frame
