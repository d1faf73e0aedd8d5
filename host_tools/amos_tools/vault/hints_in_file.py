"""What a file's chunks and its name say of its music: ACID, `smpl` and `iXML`, and names such as `097bpm_Dm`.

Programs write these carelessly, so each is a guess with a confidence from 0 to 1, and people state the facts.
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from amos_tools.keys import MODE_NAMES, parse_key
from amos_tools.render.marks import METADATA_BYTES_MAX, chunks

_ACID = struct.Struct("<IHHfIHHf")
_ACID_ONE_SHOT = 1
_SMPL_LOOPS_AT = 28
_IXML = re.compile(rb"<(TEMPO|BPM|KEY|BEATS)>\s*([^<]{1,32}?)\s*</", re.IGNORECASE)
_TEMPO_NAMED = re.compile(r"(?<![\d.])(\d{2,3}(?:\.\d{1,3})?)[ _-]?bpm|bpm[ _-]?(\d{2,3}(?:\.\d{1,3})?)", re.IGNORECASE)
_KEY_NAMED = re.compile(
    rf"(?<![A-Za-z0-9#])([A-G](?:#|b)?)[ _-]?({'|'.join(MODE_NAMES)}|min|maj|m)(?![A-Za-z0-9])", re.IGNORECASE
)
_CAMELOT_NAMED = re.compile(r"(?<![A-Za-z0-9#.])(?:1[0-2]|[1-9])[AB](?![A-Za-z0-9])")
_BEATS_NAMED = re.compile(r"(?<!\d)([1-9]\d{0,2})[ _-]?beats?(?![a-z])", re.IGNORECASE)
_ROLE_WORDS = {
    "beats": ("kick", "drum", "drums", "beat", "beats", "snare", "kit", "break", "groove", "bd"),
    "bass": ("bass", "sub", "low", "808"),
    "harmony": ("chord", "chords", "keys", "piano", "rhodes", "guitar", "organ", "harmony", "strum"),
    "pads": ("pad", "pads", "drone", "string", "strings", "atmo", "ambient", "ambi", "choir", "texture"),
    "tops": ("top", "tops", "hat", "hats", "hihat", "shaker", "perc", "percussion", "tambourine", "conga", "ride"),
    "melody": ("lead", "melody", "flute", "bell", "bells", "arp", "pluck", "solo", "sax", "violin", "marimba"),
    "fx": ("fx", "sfx", "riser", "impact", "sweep", "room", "noise", "rain", "hit", "one-shot", "oneshot", "vinyl"),
    "vocals": ("vocal", "vocals", "vox", "voice", "voices", "acapella", "singing", "sung"),
}


@dataclass(frozen=True, slots=True)
class Guess:
    """A fact in the words of a sidecar, where it comes from, and how sure that is."""

    field: str
    text: str
    source: str
    confidence: float


def guesses_of_chunks(path: Path) -> list[Guess]:
    """What ACID, `smpl` and `iXML` chunks say; nothing for a file without them, or one that cannot be read."""
    found: list[Guess] = []
    try:
        with path.open("rb") as file:
            for chunk in chunks(file):
                if chunk.name in _READERS:
                    file.seek(chunk.offset)
                    found += _READERS[chunk.name](file.read(min(chunk.size, METADATA_BYTES_MAX)))
    except OSError:
        return []
    return found


def guesses_of_name(path: Path) -> list[Guess]:
    """What the name of the file says, and that of its folder of its role."""
    found = []
    if tempo := _TEMPO_NAMED.search(path.stem):
        found.append(Guess("tempo", f"{float(tempo[1] or tempo[2]):g}", "its name", 0.9))
    if key := _KEY_NAMED.search(path.stem):
        found.append(Guess("key", _key(key), "its name", 0.8))
    elif code := _CAMELOT_NAMED.search(path.stem):
        found.append(Guess("key", parse_key(code[0]) or "", "its name", 0.7))
    named = path.stem
    if beats := _BEATS_NAMED.search(named):
        numbered = beats.start() == 0  # "12_beats" may well be the twelfth file of a kit
        found.append(Guess("beats", beats[1], "its name", 0.4 if numbered else 0.8))
        if not numbered:
            named = _BEATS_NAMED.sub(" ", named)  # in "bass 16 beats" the beats are no role
    for words, source, confidence in ((named, "its name", 0.7), (path.parent.name, "its folder's name", 0.6)):
        apart = re.sub(r"(?<=[a-z])(?=[A-Z0-9])", " ", words)
        told = set(re.split(r"[^a-z0-9-]+", apart.lower()))
        roles = [role for role, known in _ROLE_WORDS.items() if told & set(known)]
        if len(roles) == 1:
            found.append(Guess("role", roles[0], source, confidence))
    return found


def _acid(content: bytes) -> list[Guess]:
    """24 bytes: kind, root note, two unknown, beats, metre, tempo."""
    if len(content) < _ACID.size:
        return []
    kind, _root, _unknown, _number, beats, _lower, _upper, tempo = _ACID.unpack(content[: _ACID.size])
    if kind & _ACID_ONE_SHOT:
        return [Guess("role", "fx", "ACID: a one-shot", 0.4)]
    found = []
    if 20 <= tempo <= 400:
        found.append(Guess("tempo", f"{tempo:.3f}".rstrip("0").rstrip("."), "ACID", 0.85))
    if 1 <= beats <= 4096:
        found.append(Guess("beats", str(beats), "ACID", 0.85))
    return found


def _smpl(content: bytes) -> list[Guess]:
    """A sampler's loop from the first frame says that the file is one; how many beats, its length and tempo say."""
    if len(content) < _SMPL_LOOPS_AT + 4:
        return []
    loops = int.from_bytes(content[_SMPL_LOOPS_AT : _SMPL_LOOPS_AT + 4], "little")
    return [Guess("loop", "yes", "smpl", 0.8)] if 0 < loops < 1000 else []


def _ixml(content: bytes) -> list[Guess]:
    found = []
    for name, data in _IXML.findall(content):
        field, text = name.decode().lower(), data.decode("ascii", "replace")
        if field == "key":
            named = _KEY_NAMED.search(text)
            key = _key(named) if named else parse_key(text)
            found += [Guess("key", key, "iXML", 0.85)] if key else []
        elif field == "beats":
            found += [Guess("beats", str(int(text)), "iXML", 0.85)] if re.fullmatch(r"[1-9]\d{0,3}", text) else []
        elif re.fullmatch(r"\d{2,3}(\.\d{1,6})?", text) and 20 <= float(text) <= 400:
            found.append(Guess("tempo", f"{float(text):g}", "iXML", 0.85))
    return found


def _key(named: re.Match[str]) -> str:
    return parse_key(f"{named[1].capitalize()} {named[2]}") or ""


_READERS = {b"acid": _acid, b"smpl": _smpl, b"iXML": _ixml}
