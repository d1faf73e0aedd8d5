"""What sounds in a session, for whoever asks; apart from it, since a board that nobody asks does without."""

from amos.protocol.link_sounding import sounding_of


def stems_of(session) -> "list[int]":
    """The stems that sound, each once, as far as has reached the output."""
    stems = []
    for row in session._meter.open_rows():
        if row[0] not in stems:
            stems.append(row[0])
    return stems


def section_of(session) -> str:
    """The name of the section that plays."""
    return session.score.sections[session.performance.section].name


def told(session, staff) -> bytes:
    """The bytes of a `Sounding`; `staff` says what may be done, None that all may."""
    vm = session._vm
    found = sounding_of(section_of(session), stems_of(session), vm.volume_q15, vm.slider_values())
    if staff is not None:
        found.acts, found.volume_min, found.volume_max = staff.told()
    return found.encode()
