"""What a rendered file says of itself, as facts and as iXML (specification 2.10, element AMOS of our own). Pure."""

from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from amos_tools.render.engine import Interval
from amos_tools.render.errors import BadProvenance
from amos_tools.render.marks import MARK
from amos_tools.render.plan import Hit, Plan
from amos_tools.simulate.inputs import TimedInput

NUMBER_MAX = 2**63 - 1
_CONTROLS = {code: "?" for code in range(32)}
"""Characters that XML 1.0 cannot hold, and line breaks, which it would not keep in an attribute."""


@dataclass(frozen=True, slots=True)
class UsedStem:
    """A stem that sounds in the file. `sha256` is of the pack's blob, `stem_id` the vault's."""

    index: int
    stem_id: bytes
    sha256: bytes
    title: str
    artist: str
    isrc: str | None
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Pack, script and plan, so that the file can be rendered again; and which stems sound when."""

    name: str
    pack_id: bytes
    pack_serial: int
    publisher: bytes
    score_sha256: bytes
    rate_hz: int
    plan: Plan
    pcm_sha256: bytes
    stems: tuple[UsedStem, ...]


def to_ixml(facts: Provenance) -> bytes:
    """The content of the iXML chunk. The same facts give the same bytes."""
    root = ElementTree.Element("BWFXML")
    for tag, text in (
        ("IXML_VERSION", "2.10"),
        ("PROJECT", facts.name),
        ("FILE_UID", facts.pcm_sha256.hex()[:32]),
        ("NOTE", f"{MARK}: made by a music engine from the stems below, not a recording"),
    ):
        ElementTree.SubElement(root, tag).text = text.translate(_CONTROLS)
    amos = _add(root, "AMOS", mark=MARK)
    _add(
        amos,
        "RENDER",
        pack=facts.pack_id.hex(),
        serial=facts.pack_serial,
        publisher=facts.publisher.hex(),
        score_sha256=facts.score_sha256.hex(),
        seed=facts.plan.seed.hex(),
        rate_hz=facts.rate_hz,
        frames=facts.plan.frames,
        fade_frames=facts.plan.fade_frames,
        pcm_sha256=facts.pcm_sha256.hex(),
    )
    for item in facts.plan.inputs:
        _add(amos, "INPUT", frame=item.frame, kind=item.kind, value=item.value)
    for hit in facts.plan.hits:
        _add(amos, "HIT", frame=hit.frame, section=hit.section)
    for stem in facts.stems:
        element = _add(
            amos,
            "STEM",
            index=stem.index,
            id=stem.stem_id.hex(),
            sha256=stem.sha256.hex(),
            title=stem.title,
            artist=stem.artist,
            **({} if stem.isrc is None else {"isrc": stem.isrc}),
        )
        for start, frames in stem.intervals:
            _add(element, "INTERVAL", start=start, frames=frames)
    ElementTree.indent(root, "")
    return bytes(ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)) + b"\n"


def from_ixml(data: bytes) -> Provenance:
    """The facts in an iXML chunk. Raises `BadProvenance`."""
    if b"<!" in data:
        raise BadProvenance("iXML: expected no declarations of its own, found some")
    try:
        root = ElementTree.fromstring(data.rstrip(b"\x00"))
    except (ElementTree.ParseError, ValueError) as error:
        raise BadProvenance(f"iXML: expected well-formed XML, found {error}") from None
    amos = root.find("AMOS")
    render = None if amos is None else amos.find("RENDER")
    if amos is None or render is None or amos.get("mark") != MARK:
        raise BadProvenance(f"iXML: expected an element AMOS of {MARK}, found none")
    plan = Plan(
        seed=_bytes(render, "seed", 32),
        frames=_number(render, "frames"),
        fade_frames=_number(render, "fade_frames"),
        inputs=tuple(
            TimedInput(_number(item, "frame"), _number(item, "kind"), _number(item, "value"))
            for item in amos.findall("INPUT")
        ),
        hits=tuple(Hit(_number(item, "frame"), _number(item, "section")) for item in amos.findall("HIT")),
    )
    return Provenance(
        name=root.findtext("PROJECT") or "",
        pack_id=_bytes(render, "pack", 32),
        pack_serial=_number(render, "serial"),
        publisher=_bytes(render, "publisher", 32),
        score_sha256=_bytes(render, "score_sha256", 32),
        rate_hz=_number(render, "rate_hz"),
        plan=plan,
        pcm_sha256=_bytes(render, "pcm_sha256", 32),
        stems=tuple(_stem(item) for item in amos.findall("STEM")),
    )


def _stem(element: ElementTree.Element) -> UsedStem:
    return UsedStem(
        index=_number(element, "index"),
        stem_id=_bytes(element, "id", 16),
        sha256=_bytes(element, "sha256", 32),
        title=element.get("title", ""),
        artist=element.get("artist", ""),
        isrc=element.get("isrc"),
        intervals=tuple((_number(item, "start"), _number(item, "frames")) for item in element.findall("INTERVAL")),
    )


def _add(parent: ElementTree.Element, tag: str, **attributes: Any) -> ElementTree.Element:
    values = {name: str(value).translate(_CONTROLS) for name, value in attributes.items()}
    return ElementTree.SubElement(parent, tag, values)


def _number(element: ElementTree.Element, name: str) -> int:
    text = element.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= NUMBER_MAX):
        raise BadProvenance(f"{element.tag} {name}: expected a number, found {text[:40]!r}")
    return int(text)


def _bytes(element: ElementTree.Element, name: str, length: int) -> bytes:
    text = element.get(name, "")
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != length or len(text) != 2 * length:
        raise BadProvenance(f"{element.tag} {name}: expected {2 * length} hex digits, found {text[:40]!r}")
    return data
