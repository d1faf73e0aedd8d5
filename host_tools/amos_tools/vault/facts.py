"""What a sidecar states about a stem: text in, checked facts out. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from amos_cli.names import hint, nfc
from amos_tools.chords import parse_changes
from amos_tools.keys import KEY_EXPECTED, parse_key
from amos_tools.pickups import COLUMNS, PICKUP_EXPECTED, pickup_seconds
from amos_tools.stems import NO_CREDITS, PPM, ROLES, Credits, Split, StemFacts
from amos_tools.vault import errors
from amos_tools.vault.credits import CREDIT_FIELDS, YES_OR_NO, checked_text, credit_texts, parse_credits, parse_isrc
from amos_tools.vault.limits import (
    ARTIST_MAX_BYTES,
    BEATS_MAX,
    PAYEE_MAX_BYTES,
    PAYEES_MAX,
    TAG_MAX_BYTES,
    TAG_TEXT_MAX_BYTES,
    TAGS_OF_A_STEM_MAX,
    TEMPO_MBPM_MAX,
    TEMPO_MBPM_MIN,
    TITLE_MAX_BYTES,
)

REQUIRED_FIELDS = ("title", "artist", "splits", "role", "opt_in")
OPTIONAL_FIELDS = ("key", "tempo", "beats", "isrc", *CREDIT_FIELDS)
FIELDS = REQUIRED_FIELDS + OPTIONAL_FIELDS
_NEARLY_A_FIELD = 0.8
"""`tempi` and `splitt` are typing errors; `theme` and `style` are tags."""

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TEMPO = re.compile(r"[0-9]{1,4}([.,][0-9]{1,6})?")
_PPM = re.compile(r"[0-9]{1,7}")


@dataclass(frozen=True, slots=True)
class StatedFacts:
    """What people state about a stem; the rest of `StemFacts` is measured from the audio."""

    title: str
    artist: str
    splits: tuple[Split, ...]
    role: str
    opt_in: bool
    key: str | None = None
    tempo_mbpm: int | None = None
    beats: int | None = None
    isrc: str | None = None
    credits: Credits = NO_CREDITS
    tags: tuple[tuple[str, str], ...] = ()


def parse_facts(file: str, fields: Mapping[str, str]) -> StatedFacts:
    """Check the texts of one sidecar or CSV row for `file`. Raises the `VaultError` of the first wrong field.

    A field of another name is a tag, unless it looks like a known one that was written wrongly.
    """
    fields = {field_named(name): text for name, text in fields.items()}
    tags = _tags(file, {name: text for name, text in fields.items() if name not in FIELDS})
    values = {name: nfc(fields.get(name, "").strip()) for name in FIELDS}
    for name in ("title", "artist", "splits", "role"):
        if not values[name]:
            raise errors.MissingFacts(file, name, "a value", "nothing")
    tempo_mbpm = _tempo(file, values["tempo"])
    _check_pickup(file, tags, tempo_mbpm)
    return StatedFacts(
        title=checked_text(file, "title", values["title"], TITLE_MAX_BYTES),
        artist=checked_text(file, "artist", values["artist"], ARTIST_MAX_BYTES),
        splits=parse_splits(file, values["splits"]),
        role=_role(file, values["role"]),
        opt_in=_opt_in(file, values["opt_in"]),
        key=_key(file, values["key"]),
        tempo_mbpm=tempo_mbpm,
        beats=_beats(file, values["beats"]),
        isrc=parse_isrc(file, values["isrc"]),
        credits=parse_credits(file, values),
        tags=tags,
    )


def stated_texts(stem: StemFacts) -> dict[str, str]:
    """What `parse_facts` makes the stated facts of this stem of."""
    tempo = stem.tempo_mbpm
    return {
        "title": stem.title,
        "artist": stem.artist,
        "splits": ";".join(f"{split.payee}={split.ppm}" for split in stem.splits),
        "role": stem.role,
        "opt_in": "yes" if stem.opt_in else "no",
        "key": stem.key or "",
        "tempo": "" if tempo is None else f"{tempo // 1000}.{tempo % 1000:03}",
        "beats": "" if stem.beats is None else str(stem.beats),
        "isrc": stem.isrc or "",
        **credit_texts(stem.credits),
        **dict(stem.tags),
    }


def parse_splits(file: str, text: str) -> tuple[Split, ...]:
    """`payee=ppm;payee=ppm` as splits, in the order given; a comma separates as well."""
    splits: list[Split] = []
    for piece in re.split("[;,]", text):
        payee, equals, ppm_text = (part.strip() for part in piece.partition("="))
        if not equals:
            raise errors.BadSplit(file, "splits", "payee=ppm;payee=ppm", piece)
        splits.append(Split(payee, _ppm(file, ppm_text)))
    check_splits(file, splits)
    return tuple(splits)


def check_splits(file: str | None, splits: list[Split] | tuple[Split, ...]) -> None:
    """Raise unless the payees are distinct slugs and the shares sum to the whole."""
    if len(splits) > PAYEES_MAX:
        raise errors.TooManySplits(file, "splits", f"at most {PAYEES_MAX} payees", len(splits))
    seen: set[str] = set()
    for split in splits:
        if len(split.payee) > PAYEE_MAX_BYTES or not _SLUG.fullmatch(split.payee):
            expected = f"a slug such as 'ada-north' (a-z, 0-9, -; at most {PAYEE_MAX_BYTES} characters)"
            raise errors.BadSlug(file, "splits", expected, split.payee)
        if split.payee in seen:
            raise errors.DuplicatePayee(file, "splits", "each payee once", split.payee)
        if not 0 < split.ppm <= PPM:
            raise errors.BadSplit(file, "splits", f"1 to {PPM} ppm for {split.payee}", split.ppm)
        seen.add(split.payee)
    total = sum(split.ppm for split in splits)
    if total != PPM:
        raise errors.SplitsDoNotSum(file, "splits", f"parts of a million that sum to {PPM}", total)


def field_named(name: str) -> str:
    """The field that a heading such as `Opt-in` means; else the heading itself."""
    plain = re.sub("[ -]", "_", name.strip().lower())
    return plain if plain in ("file", *FIELDS) else name


def check_tag_name(file: str, name: str) -> str:
    """The name of a tag as it is kept. Raises `BadSidecar` where another column was probably meant, or `BadTag`."""
    name = nfc(name.strip())
    near = hint(name, FIELDS, _NEARLY_A_FIELD)
    if near:
        raise errors.BadSidecar(file, name, "a known column, or a tag that resembles none" + near, name)
    if not name or len(name.encode(errors="replace")) > TAG_MAX_BYTES or not name.isprintable():
        expected = f"a printable name of at most {TAG_MAX_BYTES} bytes"
        raise errors.BadTag(file, "tag", expected, name or "an empty name")
    return name


def _tags(file: str, fields: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    tags = {}
    for name, text in fields.items():
        kept, told = check_tag_name(file, name), nfc(text.strip())
        if told:
            tags[kept] = checked_text(file, kept, told, TAG_TEXT_MAX_BYTES)
            if kept.casefold() == "changes":
                _check_changes(file, told)
    if len(tags) > TAGS_OF_A_STEM_MAX:
        raise errors.BadTag(file, "tags", f"at most {TAGS_OF_A_STEM_MAX}", len(tags))
    return tuple(sorted(tags.items()))


def _check_changes(file: str, text: str) -> None:
    try:
        parse_changes(text)
    except ValueError as error:
        raise errors.BadTag(
            file, "changes", str(error).removeprefix("expected ").partition(", found")[0], text
        ) from None


def _check_pickup(file: str, tags: tuple[tuple[str, str], ...], tempo_mbpm: int | None) -> None:
    """Where the first downbeat is must be one place, and a length."""
    said = [(name, text) for name, text in tags if name.casefold() in COLUMNS]
    if len(said) > 1:
        raise errors.BadTag(file, said[1][0], f"`{said[0][0]}` or `{said[1][0]}`, not both", said[1][1])
    for name, text in said:
        if pickup_seconds(text, tempo_mbpm) is None:
            raise errors.BadTag(file, name, PICKUP_EXPECTED, text)


def _ppm(file: str, text: str) -> int:
    if not _PPM.fullmatch(text):
        raise errors.BadSplit(file, "splits", f"a whole number of ppm from 1 to {PPM}", text or "nothing")
    return int(text)


def _role(file: str, text: str) -> str:
    if text not in ROLES:
        raise errors.UnknownRole(file, "role", "one of " + ", ".join(ROLES) + hint(text, ROLES), text)
    return text


def _opt_in(file: str, text: str) -> bool:
    if text.lower() not in YES_OR_NO:
        raise errors.OptInMissing(file, "opt_in", "yes or no", text or "nothing")
    return YES_OR_NO[text.lower()]


def _key(file: str, text: str) -> str | None:
    if not text:
        return None
    key = parse_key(text)
    if key is None:
        raise errors.UnknownKey(file, "key", f"{KEY_EXPECTED}, or nothing", text)
    return key


def _tempo(file: str, text: str) -> int | None:
    if not text:
        return None
    expected = f"{TEMPO_MBPM_MIN // 1000} to {TEMPO_MBPM_MAX // 1000} beats per minute, or nothing"
    number = Decimal(text.replace(",", ".")) if _TEMPO.fullmatch(text) else Decimal(0)
    if not TEMPO_MBPM_MIN <= number * 1000 <= TEMPO_MBPM_MAX:
        raise errors.TempoOutOfRange(file, "tempo", expected, text)
    return int((number * 1000).to_integral_value())


def _beats(file: str, text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= BEATS_MAX:
        raise errors.BeatsOutOfRange(file, "beats", f"a whole number from 1 to {BEATS_MAX}, or nothing", text)
    return int(text)
