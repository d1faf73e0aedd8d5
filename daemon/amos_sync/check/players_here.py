"""Players on this machine: what their settings say, held against the courier's, and their audio device."""

import json
from pathlib import Path
from typing import Any

from amos.crypto.key_text import key_of_hex
from amos.edges.alsa_library_host import is_known, load
from amos_sync.check.finding import Finding, fine, wrong

SETTINGS_BYTES_MAX = 1 << 16
_ALSA = "alsa:"


def check_player(name: str, directory: Path, keys: dict[str, bytes | None]) -> list[Finding]:
    """`keys` are those that the courier pins, by the names that they have in the player's settings."""
    part = f"player {name}"
    settings = _settings(directory / "player.json")
    if isinstance(settings, str):
        return [wrong(part, settings, f"set it up: amos setup, or amos device prepare {directory}", "directory")]
    return [*_keys(part, directory, settings, keys), *_audio(part, settings)]


def _settings(path: Path) -> dict[str, Any] | str:
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(SETTINGS_BYTES_MAX))
    except OSError as error:
        return f"{path}: {error.strerror}"
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else f"{path}: expected a player's settings, found something else"


def _keys(part: str, directory: Path, settings: dict[str, Any], keys: dict[str, bytes | None]) -> list[Finding]:
    found = []
    for name, pinned in keys.items():
        has = key_of_hex(str(settings.get(name, "")))
        if name == "operator_key" and pinned is None and has is not None:
            sentence = f"{part}: takes directives of the operator {has.hex()[:16]}, whose key the courier does not know"
            advice = f"name {has.hex()} there, or packs that the desk directs are not fetched"
            found.append(wrong(part, sentence, advice, "operator-key"))
        elif pinned is not None and has != pinned:
            shown = "none" if has is None else has.hex()[:16]
            sentence = f"{directory}/player.json: {name} is {shown}, and the courier's is {pinned.hex()[:16]}"
            advice = "find out which one is right, and give both the same: the player takes nothing by another key"
            found.append(wrong(part, sentence, advice, name.replace("_", "-")))
    return found or [fine(part, "it pins the same keys as the courier")]


def _audio(part: str, settings: dict[str, Any]) -> list[Finding]:
    out = str(settings.get("out", ""))
    if not out.startswith(_ALSA):
        return []
    device = out.removeprefix(_ALSA)
    try:
        known = is_known(load(), device)
    except Exception as error:
        return [wrong("audio", f"{part}: {error}", "install ALSA's library: apt install libasound2", "out")]
    if not known:
        sentence = f"{part}: plays to {out}, and this machine has no output of that name"
        return [wrong("audio", sentence, "name one that aplay -L lists", "out")]
    card = _card_of(device)
    if card is not None and not _card_is_there(card):
        sentence = f"{part}: plays to {out}, and this machine has no sound card {card}"
        return [wrong("audio", sentence, "plug it in; /proc/asound/cards lists those that are there", "out")]
    return [fine("audio", f"{part}: {out} is known here")]


def _card_of(device: str) -> str | None:
    """The card that a device of ALSA's own kinds names: `hw:1,0`, `plughw:CARD=Device,DEV=0`."""
    kind, _colon, words = device.partition(":")
    if kind not in ("hw", "plughw", "sysdefault", "front", "dmix", "iec958") or not words:
        return None
    first = words.split(",")[0]
    return first.removeprefix("CARD=")


def _card_is_there(card: str) -> bool:
    cards = Path("/proc/asound")
    return (cards / (f"card{card}" if card.isdecimal() else card)).exists()
