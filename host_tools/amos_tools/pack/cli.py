"""`amos pack`: make what a player plays, and look into it."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from amos.crypto import public_key, verify
from amos.edges.stem_file import BlobError
from amos.packs.folder import PackFolder, open_pack
from amos.protocol.errors import ProtocolError
from amos.protocol.manifest import CODEC_PCM16, CODECS, ROLES
from amos_cli.files import OutputRefused, output_path
from amos_cli.key_files import KeyFileError, read_key
from amos_cli.keys import public_key_of
from amos_cli.output import AsJson, Exit, print_json, refusals
from amos_cli.paths import file_argument, file_option, folder_argument, folder_option
from amos_cli.table import print_table
from amos_tools.boards import BoardError, board_of, boards_for
from amos_tools.pack.build import PackSummary, build_pack
from amos_tools.pack.delegate_cli import delegate
from amos_tools.pack.errors import PackBuildError, TooManyVoices, TooMuchWork
from amos_tools.pack.levels_report import level_facts, level_lines, level_warnings, loss_facts
from amos_tools.pack.opt_outs import make_opt_outs, withdrawn, write_opt_outs
from amos_tools.vault import Vault, VaultError

app = typer.Typer(help="Make what a player plays, and look into it.", no_args_is_help=True)

_DAY_S = 86_400

KeyFile = Annotated[
    Path,
    file_option(help="The publisher's secret key (amos key): 32 bytes, or 64 hex digits."),
]


@app.command()
def build(
    script: Annotated[Path, file_argument("SCRIPT", help="Aimi Script.")],
    vault: Annotated[Path, folder_option(help="The vault with its stems.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The pack's folder; a pack there is replaced.")],
    serial: Annotated[int, typer.Option(help="Above that of the pack before: players refuse to go back.")],
    publisher_key_file: KeyFile,
    board: Annotated[
        str, typer.Option(help="The board it is for (amos boards): no more than its rate and voices; a class, or any.")
    ] = "linux",
    codec: Annotated[
        str | None, typer.Option(help="pcm16, or qoa: a fifth of the bytes. By default the board's, else pcm16.")
    ] = None,
    lease_days: Annotated[int, typer.Option(min=1, max=3650, help="Days until its stems fall silent.")] = 30,
    lease_end: Annotated[
        int | None, typer.Option(metavar="UNIX_S", help="The same as a moment, to repeat a build.")
    ] = None,
    issued: Annotated[
        int | None, typer.Option(metavar="UNIX_S", help="When it was made; else now, or unsaid with --lease-end.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build a pack from a script and a vault."""
    now = int(time.time())
    end = lease_end if lease_end is not None else now + lease_days * _DAY_S
    issued = now if issued is None and lease_end is None else issued
    order = _Order(script, out, publisher_key_file, serial, board, codec, end, issued)
    summary, warnings = _build(order, vault, as_json)
    warnings += level_warnings(summary)
    if as_json:
        return print_json(_summary_facts(out, serial, summary, warnings))
    for warning in warnings:
        typer.echo(warning, err=True)
    variants = f" in {summary.variants} variants" if summary.variants > summary.stems else ""
    print(f"{out}: pack {summary.pack_id.hex()[:16]}, serial {serial}, {summary.stems} stems{variants}")
    print(f"{summary.blob_bytes / 1e6:.1f} MB, stems brought to {summary.working.mlufs / 1000:.1f} LUFS")
    for line in level_lines(summary):
        print(line)


@dataclass(frozen=True)
class _Order:
    """What is to be built; `board` is a board's name or file, a class of boards, a runtime, or `any`."""

    script: Path
    out: Path
    key_file: Path
    serial: int
    board: str
    codec: str | None
    lease_end_unix_s: int
    issued_unix_s: int | None


def _build(order: _Order, vault: Path, as_json: bool) -> tuple[PackSummary, list[str]]:
    """The pack that was built, and the script's warnings."""
    from amos.score.score import decode_score
    from amos_tools.script import ScriptError, compile_script  # brings the parser in: `show` does without
    from amos_tools.script.parse import read_source
    from amos_tools.script.shape_work import shape_fault

    with (
        refusals(BoardError, PackBuildError, VaultError, ScriptError, KeyFileError, OSError, as_json=as_json),
        Vault(vault) as opened,
    ):
        board = board_of(order.board)
        facts = board.facts if board else {}
        rate_hz_max = facts.get("audio.rate_hz")
        seed = read_key(order.key_file)
        source = read_source(order.script)
        compiled = compile_script(source, opened.stems(), name=str(order.script), rate_hz_max=rate_hz_max)
        if facts and compiled.voices > facts["audio.voices"]:
            raise TooManyVoices(
                f"voices: expected at most {facts['audio.voices']} on {order.board}, found {compiled.voices} in the"
                " script's `mix`"
            )
        fault = shape_fault(decode_score(compiled.score), [board] if board else boards_for(order.board))
        if fault:
            raise TooMuchWork(fault)
        summary = build_pack(
            compiled,
            opened,
            order.out,
            publisher_seed=seed,
            serial=order.serial,
            board_class=facts.get("class", order.board),
            lease_end_unix_s=order.lease_end_unix_s,
            codec=order.codec or facts.get("codec", CODECS[CODEC_PCM16]),
            issued_unix_s=order.issued_unix_s,
        )
    return summary, [warning.render() for warning in compiled.warnings]


def _summary_facts(out: Path, serial: int, summary: PackSummary, warnings: list[str]) -> dict[str, Any]:
    return {
        "folder": str(out),
        "pack": summary.pack_id.hex(),
        "serial": serial,
        "stems": summary.stems,
        "variants": summary.variants,
        "blob_bytes": summary.blob_bytes,
        "working_mlufs": summary.working.mlufs,
        "target_mlufs": summary.target_mlufs,
        "forecast_mlufs": summary.working.forecast_mlufs,
        "limited_mlu": summary.working.limited_mlu,
        "amplified": [level_facts(*item) for item in summary.amplified],
        "limited": [level_facts(*item) for item in summary.limited],
        "short": [level_facts(*item) for item in summary.short],
        "held_up": [
            {"stem": stem.stem_id.hex(), "title": stem.title, "held_mdb": mdb} for stem, mdb in summary.held_up
        ],
        "holes": [
            {"stem": stem.stem_id.hex(), "title": stem.title, "reason": hole.reason, "softer_mdb": hole.mdb}
            for stem, hole in summary.holes
        ],
        "shaped_away": [{"stem": stem.stem_id.hex()} | loss_facts(stem.title, loss) for stem, loss in summary.losses],
        "warnings": warnings,
    }


@app.command()
def show(
    folder: Annotated[Path, folder_argument("DIR", help="The pack's folder.")],
    publisher_key: Annotated[str, typer.Option(metavar="HEX", help="The publisher's public key.")],
    as_json: AsJson = False,
) -> None:
    """Check a pack as a player would, and list its stems. Exit code 1 when anything in it is wrong."""
    with refusals(ProtocolError, as_json=as_json):
        pack = open_pack(str(folder), public_key_of(publisher_key, "--publisher-key"), verify)
    stems, faults = _stems(pack)
    if as_json:
        print_json(_facts(pack) | {"stems": stems, "faults": faults})
    else:
        _print(pack, stems)
    pack.close()
    if faults:
        typer.echo("\n".join(faults), err=True)
        raise typer.Exit(Exit.FINDING)


def _print(pack: PackFolder, stems: list[dict[str, Any]]) -> None:
    print_table(_table(stems, pack.manifest.rate_hz))
    manifest = pack.manifest
    print(f"{manifest.name}: pack {pack.pack_id.hex()[:16]}, serial {manifest.serial}, for {manifest.board_class}")
    end = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(manifest.lease_end_unix_s))
    print(f"{manifest.rate_hz} Hz, {manifest.voices} voices, lease ends {end}")


def _facts(pack: PackFolder) -> dict[str, Any]:
    names = ("name", "serial", "board_class", "rate_hz", "voices", "lease_end_unix_s")
    return {"pack": pack.pack_id.hex()} | {name: getattr(pack.manifest, name) for name in names}


@app.command()
def optouts(
    vault: Annotated[Path, folder_option(help="The vault whose artists have opted out.")],
    serial: Annotated[int, typer.Option(help="Above that of the list before: players refuse to go back.")],
    publisher_key_file: KeyFile,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The signed list; one there is replaced.")],
    issued: Annotated[int | None, typer.Option(metavar="UNIX_S", help="When it was made, to repeat it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Sign the list of every stem that was opted in once and is no more, for `amos ledger optouts` and couriers."""
    with refusals(PackBuildError, VaultError, KeyFileError, OutputRefused, as_json=as_json):
        # What stands there must be this publisher's older list: `write_opt_outs` reads it.
        target = output_path(out, ours=lambda _path: True)
        seed = read_key(publisher_key_file)
        with Vault(vault) as opened:
            stems = withdrawn(opened)
        signed = make_opt_outs(stems, seed, serial, int(time.time()) if issued is None else issued)
        write_opt_outs(target, signed, public_key(seed))
    if as_json:
        return print_json({"file": str(out), "serial": serial, "stems": [stem.stem_id.hex() for stem in stems]})
    print(f"{out}: opt-out list {serial}, {len(stems)} stems")


app.command()(delegate)


def _stems(pack: PackFolder) -> tuple[list[dict[str, Any]], list[str]]:
    """The stems, each verified, and what is wrong with the pack's blobs."""
    faults: list[str] = []
    stems: list[dict[str, Any]] = []
    for index, stem in enumerate(pack.manifest.stems):
        state = "ok"
        try:
            pack.stem(index)
        except BlobError as error:
            state = "bad"
            faults.append(f"BlobError: {error}")
        stems.append(
            {
                "index": index,
                "stem": stem.stem_id.hex(),
                "role": ROLES[stem.role],
                "key": stem.key,
                "tempo_mbpm": stem.tempo_mbpm,
                "frames": stem.frames,
                "channels": stem.channels,
                "codec": CODECS[stem.codec],
                "gain_q15": stem.gain_q15,
                "blob": state,
            }
        )
    try:
        pack.score()
    except BlobError as error:
        faults.append(f"BlobError: {error}")
    return stems, faults


def _table(stems: list[dict[str, Any]], rate_hz: int) -> Table:
    table = Table("index", "stem", "role", "key", "tempo", "length", "channels", "codec", "gain", "blob")
    for stem in stems:
        table.add_row(
            str(stem["index"]),
            stem["stem"][:8],
            stem["role"],
            stem["key"] or "-",
            "-" if stem["tempo_mbpm"] is None else f"{stem['tempo_mbpm'] / 1000:g}",
            f"{stem['frames'] / rate_hz:.2f} s",
            str(stem["channels"]),
            stem["codec"],
            f"{stem['gain_q15'] / 32768:.3f}",
            stem["blob"],
        )
    return table
