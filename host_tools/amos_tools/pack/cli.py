"""`amos pack`: make what a player plays, and look into it."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from amos.crypto import public_key, verify
from amos.edges.stem_file import BlobError
from amos.packs.folder import PackFolder, open_pack
from amos.protocol.errors import ProtocolError
from amos.protocol.manifest import CODEC_PCM16, CODECS, ROLES
from amos_tools.boards import board_names, load_board
from amos_tools.pack.build import build_pack
from amos_tools.pack.errors import PackBuildError, TooManyVoices
from amos_tools.pack.keys import KeyFileError, read_key
from amos_tools.pack.opt_outs import make_opt_outs, withdrawn, write_opt_outs
from amos_tools.vault import Vault, VaultError

app = typer.Typer(help="Make what a player plays, and look into it.", no_args_is_help=True)

_DAY_S = 86_400

KeyFile = Annotated[
    Path, typer.Option(metavar="FILE", help="Ed25519 key of the publisher: 32 bytes, or 64 hex digits.")
]


@app.command()
def build(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="Aimi Script.")],
    vault: Annotated[Path, typer.Option(metavar="DIR", help="The vault with its stems.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The pack's folder; a pack there is replaced.")],
    serial: Annotated[int, typer.Option(help="Above that of the pack before: players refuse to go back.")],
    key: KeyFile,
    board: Annotated[
        str, typer.Option(help="The board it is for (amos boards): no more than its rate and voices; or a class.")
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
) -> None:
    """Build a pack from a script and a vault."""
    from amos_tools.script import ScriptError, compile_script  # brings the parser in: `show` does without
    from amos_tools.script.parse import SOURCE_BYTES_MAX

    now = int(time.time())
    end = lease_end if lease_end is not None else now + lease_days * _DAY_S
    issued = now if issued is None and lease_end is None else issued
    facts = load_board(board).facts if board in board_names() else {}
    try:
        seed = read_key(key)
        source = _read_script(script, SOURCE_BYTES_MAX)
        with Vault(vault) as opened:
            compiled = compile_script(source, opened.stems(), name=str(script), rate_hz_max=facts.get("audio.rate_hz"))
            if facts and compiled.voices > facts["audio.voices"]:
                raise TooManyVoices(
                    f"voices: expected at most {facts['audio.voices']} on {board}, found {compiled.voices} in the"
                    " script's `mix`"
                )
            summary = build_pack(
                compiled,
                opened,
                out,
                publisher_seed=seed,
                serial=serial,
                board_class=facts.get("class", board),
                lease_end_unix_s=end,
                codec=codec or facts.get("codec", CODECS[CODEC_PCM16]),
                issued_unix_s=issued,
            )
    except (PackBuildError, VaultError) as error:
        raise _refusal(f"{error.name}: {error}") from None
    except ScriptError as error:
        raise _refusal(error.render()) from None
    except KeyFileError as error:
        raise _refusal(f"KeyFileError: {error}") from None
    for warning in compiled.warnings:
        typer.echo(warning.render(), err=True)
    print(f"{out}: pack {summary.pack_id.hex()[:16]}, serial {serial}, {summary.stems} stems")
    print(f"{summary.blob_bytes / 1e6:.1f} MB, stems brought to {summary.working_mlufs / 1000:.1f} LUFS")


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The pack's folder.")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="The publisher's public key: 32 bytes, or 64 hex digits.")],
) -> None:
    """Check a pack as a player would, and list its stems. Exit code 1 when anything in it is wrong."""
    try:
        pack = open_pack(str(folder), read_key(key), verify)
    except (KeyFileError, ProtocolError) as error:
        raise _refusal(f"{type(error).__name__}: {error}") from None
    console = Console()
    table, faults = _table(pack)
    (console if console.is_terminal else Console(width=160)).print(table)
    manifest = pack.manifest
    print(f"{manifest.name}: pack {pack.pack_id.hex()[:16]}, serial {manifest.serial}, for {manifest.board_class}")
    end = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(manifest.lease_end_unix_s))
    print(f"{manifest.rate_hz} Hz, {manifest.voices} voices, lease ends {end}")
    pack.close()
    if faults:
        raise _refusal("\n".join(faults))


@app.command()
def optouts(
    vault: Annotated[Path, typer.Option(metavar="DIR", help="The vault whose artists have opted out.")],
    serial: Annotated[int, typer.Option(help="Above that of the list before: players refuse to go back.")],
    key: KeyFile,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The signed list; one there is replaced.")],
    issued: Annotated[int | None, typer.Option(metavar="UNIX_S", help="When it was made, to repeat it.")] = None,
) -> None:
    """Sign the list of every stem that was opted in once and is no more, for `amos ledger optouts` and couriers."""
    try:
        seed = read_key(key)
        with Vault(vault) as opened:
            stems = withdrawn(opened)
        signed = make_opt_outs(stems, seed, serial, int(time.time()) if issued is None else issued)
        write_opt_outs(out, signed, public_key(seed))
    except (PackBuildError, VaultError) as error:
        raise _refusal(f"{error.name}: {error}") from None
    except KeyFileError as error:
        raise _refusal(f"KeyFileError: {error}") from None
    print(f"{out}: opt-out list {serial}, {len(stems)} stems")


def _table(pack: PackFolder) -> tuple[Table, list[str]]:
    """The stems, each verified, and what is wrong with the pack's blobs."""
    faults = []
    table = Table("index", "stem", "role", "key", "tempo", "length", "channels", "codec", "gain", "blob")
    for index, stem in enumerate(pack.manifest.stems):
        state = "ok"
        try:
            pack.stem(index)
        except BlobError as error:
            state = "bad"
            faults.append(f"BlobError: {error}")
        table.add_row(
            str(index),
            stem.stem_id.hex()[:8],
            ROLES[stem.role],
            stem.key or "-",
            "-" if stem.tempo_mbpm is None else f"{stem.tempo_mbpm / 1000:g}",
            f"{stem.frames / pack.manifest.rate_hz:.2f} s",
            str(stem.channels),
            CODECS[stem.codec],
            f"{stem.gain_q15 / 32768:.3f}",
            state,
        )
    try:
        pack.score()
    except BlobError as error:
        faults.append(f"BlobError: {error}")
    return table, faults


def _read_script(path: Path, bytes_max: int) -> bytes:
    """At most one byte more than a script may have: the compiler refuses what is longer."""
    try:
        with path.open("rb") as file:
            return file.read(bytes_max + 1)
    except OSError as error:
        raise _refusal(f"{path}: expected a readable script, found {error.strerror}") from None


def _refusal(sentence: str) -> typer.Exit:
    typer.echo(sentence, err=True)
    return typer.Exit(1)
