"""`amos pack` as an operator meets it."""

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from amos.crypto import public_key, verify
from amos.protocol.manifest import open_manifest
from amos.protocol.opt_outs import OptOuts, open_opt_outs
from amos_tools.boards import load_board
from amos_tools.device.prepare import PackDoesNotFit, check_fit
from amos_tools.pack.cli import app
from amos_tools.package_data import BOARDS
from amos_tools.vault import Vault
from amos_tools.vault.cli import app as vault_app

SEED = bytes(range(32))
PUBLIC = public_key(SEED).hex()


def run(*arguments: str | Path) -> Result:
    """The command's result; an exception other than a clean exit fails the test."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def vault_run(*arguments: str | Path) -> Result:
    """The same of `amos vault`."""
    return CliRunner().invoke(vault_app, [str(argument) for argument in arguments])


@pytest.fixture
def site(vault: Vault, script: str, tmp_path: Path) -> Path:
    """A folder with vault, script and keys."""
    (tmp_path / "cafe.aimi").write_text(script)
    (tmp_path / "publisher.key").write_text(SEED.hex() + "\n")
    return tmp_path


def build(site: Path, **changed: str | Path) -> Result:
    """`amos pack build` with the site's files."""
    options = {
        "vault": site / "vault",
        "out": site / "pack",
        "serial": "1",
        "publisher-key-file": site / "publisher.key",
    } | changed
    script = options.pop("script", site / "cafe.aimi")
    return run("build", script, *(part for name, value in options.items() for part in (f"--{name}", value)))


def test_build_and_show(site: Path) -> None:
    result = build(site)
    assert result.exit_code == 0, result.output
    assert "serial 1, 4 stems" in result.output
    result = run("show", site / "pack", "--publisher-key", PUBLIC)
    assert result.exit_code == 0, result.output
    assert result.output.count(" ok ") == 4
    assert "test: pack " in result.output and "44100 Hz, 8 voices" in result.output


def test_a_board_by_name_gives_rate_codec_class_and_voices(site: Path) -> None:
    refused = build(site, board="pico-2-w")
    assert refused.exit_code == 1 and "TooManyVoices: voices: expected at most 6 on pico-2-w, found 8" in refused.output
    script = site / "cafe.aimi"
    script.write_text(script.read_text().replace("voices 8", "voices 6"))
    assert build(site, board="pico-2-w").exit_code == 0
    shown = run("show", site / "pack", "--publisher-key", PUBLIC).output
    assert "22050 Hz, 6 voices" in shown and "for mcu" in shown and shown.count(" qoa ") == 4
    check_fit(load_board("pico-2-w"), site / "pack", public_key(SEED).hex())


def test_a_board_that_there_is_not_is_named_before_anything_is_built(site: Path) -> None:
    for board, near in (("pico2w", "pico-2-w"), ("pi-zero2w", "pi-zero-2w"), ("linus", "linux")):
        refused = build(site, board=board)
        assert refused.exit_code == 1 and f"BoardError: board '{board}': expected a file, or one of" in refused.output
        assert refused.output.endswith(f"; did you mean {near}?\n")
    assert "did you mean" not in build(site, board="amiga").output
    assert not (site / "pack").exists()


def test_a_board_of_ones_own_is_built_for_by_its_file(site: Path) -> None:
    facts = (Path(str(BOARDS)) / "pico-2-w.toml").read_text()
    (site / "mine.toml").write_text(facts.replace('class = "mcu"', 'class = "mine"'))
    assert "expected at most 6 on" in build(site, board=site / "mine.toml").output
    script = site / "cafe.aimi"
    script.write_text(script.read_text().replace("voices 8", "voices 6"))
    assert build(site, board=site / "mine.toml").exit_code == 0
    assert "for mine" in run("show", site / "pack", "--publisher-key", PUBLIC).output


def test_shapes_that_a_board_has_no_time_for_are_refused_by_its_name(site: Path) -> None:
    script = site / "cafe.aimi"
    text = script.read_text().replace("voices 8", "voices 6").replace("clock 44100", "clock 22050")
    dear = [f"{line} fade 1 beat lowpass 300 Hz" if " play " in line else line for line in text.split("\n")]
    script.write_text("\n".join(dear))
    refused = build(site, board="pico-2-w")
    assert refused.exit_code == 1
    assert "TooMuchWork: shapes: expected voices worth at most 6 on pico-2-w, found " in refused.output
    for target in ("mcu", "micropython", "any"):
        refused = build(site, board=target)
        assert refused.exit_code == 1 and "at most 6 on esp32-s3 and 6 on pico-2-w, found " in refused.output
    assert build(site, board="linux").exit_code == 0
    assert build(site, board="pi-zero-2w", serial="2").exit_code == 0  # which has the time
    with pytest.raises(PackDoesNotFit, match="shapes: expected voices worth at most 6 on pico-2-w, found"):
        check_fit(load_board("pico-2-w"), site / "pack", public_key(SEED).hex())


def test_a_build_can_be_repeated(site: Path) -> None:
    for out in ("one", "two"):
        assert build(site, out=site / out, **{"lease-end": "1800000000"}).exit_code == 0
    assert (site / "one" / "manifest.cose").read_bytes() == (site / "two" / "manifest.cose").read_bytes()


def test_show_says_which_blob_is_bad(site: Path) -> None:
    build(site)
    largest = max((site / "pack" / "blobs").iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(bytes(largest.stat().st_size))
    result = run("show", site / "pack", "--publisher-key", PUBLIC)
    assert result.exit_code == 1
    assert result.output.count(" bad ") == 1 and result.output.count(" ok ") == 3
    assert "BlobError: stem" in result.output


def test_every_refusal_is_one_sentence(site: Path) -> None:
    (site / "short.key").write_text("abcd")
    build(site, serial="3")
    show = ("show", site / "pack", "--publisher-key")
    for result, text in (
        (build(site, vault=site), "NotAVault: "),
        (build(site, **{"publisher-key-file": site / "short.key"}), "KeyFileError: "),
        (build(site, serial="2"), "SerialNotNewer: "),
        (run(*show, public_key(bytes(32)).hex()), "SignatureError: "),
        (
            run("show", site, "--publisher-key", PUBLIC),
            f"PackError: {site}/manifest.cose: expected a readable file, found none of that name\n",
        ),
        (build(site, out=site / "vault"), "PackStorageFailed: "),
    ):
        assert result.exit_code == 1
        assert text in result.output
        assert "Traceback" not in result.output and "abcd" not in result.output
        assert len([line for line in result.output.splitlines() if not line.startswith(" ")]) <= 4, result.output


def test_a_public_key_is_64_digits_and_never_a_secret_file(site: Path) -> None:
    result = run("show", site, "--publisher-key", site / "publisher.key")
    assert result.exit_code == 2 and "--publisher-key: expected a public key of 64 hex digits" in result.output


def test_a_pack_is_never_built_into_a_folder_of_other_things(site: Path) -> None:
    before = sorted((site / "vault" / "blobs").rglob("*"))
    assert build(site, out=site / "vault").exit_code == 1
    assert before and sorted((site / "vault" / "blobs").rglob("*")) == before


def test_a_script_error_points_at_its_place(site: Path) -> None:
    script = site / "cafe.aimi"
    script.write_text(script.read_text().replace("from warm", "from cold"))
    result = build(site)
    assert result.exit_code == 1
    assert "cold" in result.output and "^" in result.output
    assert not (site / "pack").exists()


def test_a_build_says_when_it_was_made_unless_it_is_repeated(site: Path) -> None:
    def issued(**options: str) -> int | None:
        assert build(site, out=site / "made", **options).exit_code == 0
        data = (site / "made" / "manifest.cose").read_bytes()
        found = open_manifest(data, public_key(SEED), verify).issued_unix_s
        assert found is None or isinstance(found, int)
        return found

    before = int(time.time())
    assert before <= (issued() or 0) <= time.time()
    assert issued(serial="2", **{"lease-end": "1800000000"}) is None
    assert issued(serial="3", issued="1790000000", **{"lease-end": "1800000000"}) == 1_790_000_000


def opt_outs(site: Path, serial: str, **changed: str | Path) -> Result:
    """`amos pack optouts` with the site's files."""
    options = {
        "vault": site / "vault",
        "serial": serial,
        "publisher-key-file": site / "publisher.key",
        "out": site / "list",
    } | changed
    return run("optouts", *(part for name, value in options.items() for part in (f"--{name}", value)))


def test_what_artists_take_back_is_listed_and_signed(site: Path) -> None:
    def listed() -> OptOuts:
        found: OptOuts = open_opt_outs((site / "list").read_bytes(), public_key(SEED), verify)
        return found

    with Vault(site / "vault") as vault:
        stems = vault.stems()
        consenting = [stem for stem in stems if stem.opt_in]
        never = [stem for stem in stems if not stem.opt_in]
    result = opt_outs(site, "1", issued="1790000000")
    assert result.exit_code == 0 and "opt-out list 1, 0 stems" in result.output
    assert len(listed()) == 0 and never, "what was never opted in is nobody's business"
    gone = consenting[1]
    told = vault_run("optout", site / "vault", gone.stem_id.hex()[:8].upper())
    assert told.exit_code == 0 and f"opted out: {gone.title}" in told.output
    assert opt_outs(site, "2", issued="1790000005").exit_code == 0
    assert (listed().serial, listed().issued_unix_s, listed().ids) == (2, 1_790_000_005, gone.stem_id)
    again = (site / "list").read_bytes()
    assert opt_outs(site, "2", issued="1790000005").exit_code == 0 and (site / "list").read_bytes() == again
    refused = opt_outs(site, "2", issued="1790000006")
    assert refused.exit_code == 1 and refused.output.startswith("SerialNotNewer: ")
    (site / "list").write_bytes(b"something else")
    assert opt_outs(site, "3").output.startswith("UnreadablePack: ")
    assert opt_outs(site, "-1", out=site / "other").output.startswith("NotRepresentable: ")
    assert opt_outs(site, "1", out=site / "no" / "where").output.startswith("PackStorageFailed: ")
    assert opt_outs(site, "1", **{"publisher-key-file": site / "list"}).output.startswith("KeyFileError: ")
