"""`amos render` and `amos provenance`: a file of exact length from a pack, and what such a file is made of."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from amos.crypto import verify
from amos.packs.folder import open_pack
from amos.protocol.errors import ProtocolError
from amos.score.inputs import InputRefused
from amos.score.score import Score, decode_score
from amos_cli.files import OutputRefused, output_path
from amos_cli.keys import public_key_of
from amos_cli.names import hint, same_name
from amos_cli.output import AsJson, Exit, UsageError, print_json, refusals
from amos_cli.paths import file_argument, file_option, folder_argument, folder_option
from amos_cli.table import print_table
from amos_tools.render.check import open_rendered, own_difference, replay_difference
from amos_tools.render.errors import HitRefused, LeaseOver, PieceUnknown, RenderError
from amos_tools.render.make import render_file
from amos_tools.render.plan import Hit, Plan
from amos_tools.render.provenance import Provenance
from amos_tools.simulate.durations import DurationError, frames_of
from amos_tools.simulate.inputs import InputFileError, TimedInput, read_inputs
from amos_tools.simulate.seed import SeedError, seed32

PublisherKey = Annotated[str | None, typer.Option(metavar="HEX", help="The publisher's public key.")]
_REFUSALS = (OutputRefused, RenderError, ProtocolError, InputFileError, InputRefused)
_USAGE = (DurationError, SeedError)


def render(
    pack: Annotated[Path, folder_argument("PACK", help="The pack's folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="WAV", help="The file to write.")],
    publisher_key: Annotated[str, typer.Option(metavar="HEX", help="The publisher's public key.")],
    length: Annotated[str | None, typer.Option(help="Exact length: 30s, 1m30s, 1323000f (frames).")] = None,
    piece: Annotated[str | None, typer.Option(metavar="NAME", help="A `render` of the script, as it says.")] = None,
    seed: Annotated[str, typer.Option(metavar="N", help="A number, or 64 hex digits of a session's seed.")] = "1",
    hit: Annotated[list[str] | None, typer.Option(metavar="TIME=SECTION", help="Enter a section on time.")] = None,
    inputs: Annotated[Path | None, file_option("--input", help="JSON lines of inputs.")] = None,
    fade: Annotated[str | None, typer.Option(help="Fade-out at the end, within the length.  [default: 1s]")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that `amos render` did not write.")] = False,
    as_json: AsJson = False,
) -> None:
    """Render a pack to a WAV of exact length that says which stems it is made of."""
    created = int(time.time())
    with refusals(*_REFUSALS, usage=_USAGE, as_json=as_json):
        target = output_path(out, force, _is_rendered)
        publisher = public_key_of(publisher_key, "--publisher-key")
        opened = open_pack(str(pack), publisher, verify)
        if opened.manifest.lease_end_unix_s <= created:
            raise LeaseOver(f"{pack}: expected a lease that runs, found one that has ended: build the pack anew")
        score = decode_score(opened.score())
        timed = () if inputs is None else tuple(read_inputs(inputs, score))
        if piece is not None and length is None and fade is None and not hit:
            plan = _piece(score, piece, seed32(seed), timed)
        elif piece is None and length is not None:
            plan = _plan(score, seed32(seed), length, fade or "1s", hit or [], timed)
        else:
            raise UsageError("expected --length, with --fade and --hit or without, or else --piece alone")
        started = time.perf_counter()
        facts = render_file(opened, publisher, plan, target, created)
        took_s = time.perf_counter() - started
        opened.close()
    if as_json:
        return print_json({"file": str(out)} | _facts(facts))
    artists = len({stem.artist for stem in facts.stems})
    print(f"{out}: {plan.frames} frames at {facts.rate_hz} Hz, {len(facts.stems)} stems by {artists} artists")
    print(f"pcm {facts.pcm_sha256.hex()[:16]}, {plan.frames / facts.rate_hz / took_s:,.0f} times real time")


def provenance(
    file: Annotated[Path, file_argument("WAV", help="A file that `amos render` wrote.")],
    pack: Annotated[Path | None, folder_option(help="The pack: render again, and compare.")] = None,
    publisher_key: PublisherKey = None,
    as_json: AsJson = False,
) -> None:
    """Print what a rendered file is made of; check it, with --pack by replay. Exit code 1 at any difference.

    Without --publisher-key the pack is read with the key that the file names: its id, a hash, must match in any case.
    """
    found: list[str] = []
    replayed: str | None = None
    with refusals(*_REFUSALS, OSError, usage=_USAGE, as_json=as_json):
        opened = open_rendered(file)
        if not as_json:
            _print_facts(opened.facts)
        difference = own_difference(file, opened)
        found += ["samples  as rendered"] if difference is None else []
        if pack is not None:
            publisher = (
                opened.facts.publisher if publisher_key is None else public_key_of(publisher_key, "--publisher-key")
            )
            folder = open_pack(str(pack), publisher, verify)
            replayed = replay_difference(file, opened, folder)
            folder.close()
            found.append("replay   the same samples and stems" if replayed is None else "replay   differs")
            difference = replayed or difference
    if as_json:
        checked = {"difference": difference, "replayed": pack is not None}
        print_json({"file": str(file)} | _facts(opened.facts) | checked)
    else:
        print("\n".join(found))
    if difference is not None:
        typer.echo(f"first difference: {difference}", err=True)
        raise typer.Exit(Exit.FINDING)


def _is_rendered(path: Path) -> bool:
    """Whether `amos render` wrote the file."""
    try:
        open_rendered(path)
    except (RenderError, ProtocolError, OSError):
        return False
    return True


def _piece(score: Score, name: str, seed: bytes, inputs: tuple[TimedInput, ...]) -> Plan:
    plans = list(score.renders or ())
    found = next((plan for plan in plans if same_name(plan.name, name)), None)
    if found is None:
        names = [plan.name for plan in plans]
        known = ", ".join(f"“{known}”" for known in names) or "none"
        raise PieceUnknown(
            f"piece: expected one that the script renders ({known}), found {name[:80]!r}" + hint(name, names)
        )
    hits = tuple(Hit(hit.frame, hit.section) for hit in found.hits)
    return Plan(seed, found.length_frames, found.fade_frames, inputs, hits)


def _plan(score: Score, seed: bytes, length: str, fade: str, hits: list[str], inputs: tuple[TimedInput, ...]) -> Plan:
    frames = frames_of(length, score.rate_hz)
    return Plan(
        seed=seed,
        frames=frames,
        fade_frames=min(frames, frames_of(fade, score.rate_hz)),
        inputs=inputs,
        hits=tuple(sorted((_hit(text, score) for text in hits), key=lambda hit: hit.frame)),
    )


def _hit(text: str, score: Score) -> Hit:
    at, found, name = text.partition("=")
    names = [section.name for section in score.sections]
    section = next((index for index, known in enumerate(names) if same_name(known, name)), None)
    if not found or section is None:
        raise HitRefused(
            f"hit: expected TIME=SECTION with one of {', '.join(names)}, found {text[:80]!r}" + hint(name, names)
        )
    return Hit(frames_of(at, score.rate_hz), section)


def _facts(facts: Provenance) -> dict[str, Any]:
    plan = facts.plan
    return {
        "name": facts.name,
        "frames": plan.frames,
        "rate_hz": facts.rate_hz,
        "pack": facts.pack_id.hex(),
        "pack_serial": facts.pack_serial,
        "publisher_key": facts.publisher.hex(),
        "score_sha256": facts.score_sha256.hex(),
        "pcm_sha256": facts.pcm_sha256.hex(),
        "seed": plan.seed.hex(),
        "inputs": len(plan.inputs),
        "hits": len(plan.hits),
        "stems": [
            {
                "stem": stem.stem_id.hex(),
                "title": stem.title,
                "artist": stem.artist,
                "isrc": stem.isrc,
                "intervals": [{"start_frame": start, "frames": count} for start, count in stem.intervals],
            }
            for stem in facts.stems
        ],
    }


def _print_facts(facts: Provenance) -> None:
    plan = facts.plan
    seconds = plan.frames / facts.rate_hz
    print(f"{facts.name}: {plan.frames} frames at {facts.rate_hz} Hz ({seconds:.3f} s), engine output")
    print(f"pack     {facts.pack_id.hex()}, serial {facts.pack_serial}")
    print(f"score    {facts.score_sha256.hex()}")
    print(f"seed     {plan.seed.hex()}; {len(plan.inputs)} inputs, {len(plan.hits)} hits")
    table = Table("stem", "title", "artist", "ISRC", "times", "ms", "first at")
    for stem in facts.stems:
        frames = sum(count for _start, count in stem.intervals)
        table.add_row(
            stem.stem_id.hex(),
            escape(stem.title),
            escape(stem.artist),
            stem.isrc or "-",
            str(len(stem.intervals)),
            f"{frames * 1000 // facts.rate_hz:,}",
            f"{min((start for start, _count in stem.intervals), default=0) / facts.rate_hz:.3f} s",
        )
    print_table(table)
