"""What a stick brought or takes along, in words for whoever carries it. Pure."""

from collections.abc import Iterable, Mapping

from amos.protocol.answer import HELD, SENTENCES, VERDICTS
from amos_sync.stick_export import Exported
from amos_sync.stick_folder import megabytes
from amos_sync.stick_import import Imported, Unanswered
from amos_sync.untaken import untaken_words

SHOPS_NAMED_MAX = 6


def export_words(told: Exported, pack: str | None) -> list[str]:
    """What is on the stick, and where to carry it."""
    lines = []
    if told.segments:
        much = _duration(told.played_ms)
        lines.append(f"{much} of music from {_counted(told.players, 'player')} {_are(told)} on the stick.")
    if told.is_full:
        left = told.waiting - told.segments
        lines.append(
            f"The stick is full: {left} of {told.waiting} recordings are not on it. They need"
            f" {megabytes(told.missing_bytes)} more: delete something from it, or take a larger one. They wait here."
        )
    lines += _refused(told.refused)
    if told.segments:
        lines.append(
            "Carry it to any shop whose amos has a network, plug it in there for some minutes, and bring it back."
        )
    for site, device_ids in sorted(told.answers.items())[:SHOPS_NAMED_MAX]:
        lines.append(f"Receipts for {_counted(device_ids, 'player')} of {site} are on it. Carry it back to {site}.")
    for site, device_ids in sorted(told.refusals.items())[:SHOPS_NAMED_MAX]:
        whom = _counted(device_ids, "player")
        lines.append(f"Why {whom} of {site} got no receipt for some recordings is on it. Carry it back to {site}.")
    if len(told.answers) > SHOPS_NAMED_MAX:
        lines.append(f"Receipts for {len(told.answers) - SHOPS_NAMED_MAX} more shops are on it.")
    if pack is not None:
        lines.append(f"The music itself is on it too: {pack}.")
    if not told.segments and not told.is_full:
        lines.insert(0, f"No music of {told.site} waits to be carried.")
    return lines


def import_words(told: Imported, site: str, running: bool, is_taken: bool, unanswered: Unanswered) -> list[str]:
    """What the stick brought here."""
    lines = [f"From {of}: {_segments(told.segments[of])}, for the ledger." for of in sorted(told.segments)]
    if unanswered.connected is False:
        lines.append("This amos has no network either. It keeps them; carry the stick to a shop that has one.")
    elif unanswered.count == 0 and unanswered.refused:
        lines.append("The ledger has answered, and gave no receipt for some of it.")
    elif unanswered.count == 0 and not told.untaken:
        lines.append("The ledger has answered about all of it.")
    elif unanswered.count == 0 and told.untaken.total() < sum(count for count, _devices in told.segments.values()):
        lines.append("The ledger has answered about all that was taken.")
    elif unanswered.count:
        lines.append(f"{unanswered.count} recordings have no answer yet; they wait here, and go by themselves.")
    lines += _refused(unanswered.refused)
    lines += untaken_words(told.untaken)
    if told.answers:
        what = "Receipts and answers" if told.receipts else "Answers"
        lines.append(f"{what} for {_counted(told.answers, 'player')} of {site}: taken.")
    lines += _refused(told.refused_here)
    for of, device_ids in sorted(told.elsewhere.items())[:SHOPS_NAMED_MAX]:
        aside = "" if told.answers else f" Nothing on it is for {site}."
        lines.append(
            f"This stick has answers for {_counted(device_ids, 'player')} of {of}.{aside}"
            f" They stay on it: carry it to {of}."
        )
    if told.pack is not None:
        lines.append(f"Music was brought: {told.pack}.")
    if told.taken and not running:
        lines.append("amos is not running here; it takes this in when it is started.")
    elif told.taken and not is_taken:
        lines.append("amos is still taking it in.")
    lines += [f"Passed over: {sentence}" for sentence in told.refused]
    if not lines:
        own = " What is on it comes from here; carry it to a shop whose amos has a network." if told.own else ""
        lines.append(f"There is nothing for {site} on this stick.{own}")
    return lines


def _refused(verdicts: Mapping[int, int]) -> list[str]:
    """What has no receipt of the ledger, and what is to be done."""
    return [
        f"{_counted(range(count), 'recording')} {'held' if verdict in HELD else 'refused'} by the ledger:"
        f" {VERDICTS[verdict]}. {SENTENCES[verdict]}"
        for verdict, count in sorted(verdicts.items())
    ]


def _segments(found: tuple[int, set[bytes]]) -> str:
    return f"{found[0]} recordings of {_counted(found[1], 'player')}"


def _counted(things: Iterable[object], noun: str) -> str:
    count = len(list(things))
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _duration(played_ms: int) -> str:
    minutes = played_ms // 60_000
    if minutes >= 120:
        return f"{minutes // 60} hours"
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _are(told: Exported) -> str:
    return "is" if told.played_ms // 60_000 == 1 else "are"
