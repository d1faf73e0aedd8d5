"""Sheets as spreadsheets of many countries write them, and what is asked of one."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from amos_tools.stems import Split
from amos_tools.vault import Vault, errors
from amos_tools.vault.batch import import_paths
from amos_tools.vault.facts import parse_facts
from amos_tools.vault.sidecar import read_sheet, read_sidecar

COLUMNS = ("file", "title", "artist", "splits", "role", "opt_in", "mood", "Scene 2")
ROW = ("a.wav", "Harbour", "Ilse Maren", '"ilse=700000;kite=300000"', "pads", "yes", "dusk", "")


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_separator_line_ends_and_byte_order_mark(tmp_path: Path, separator: str, end: str, mark: str) -> None:
    lines = ["# what Ilse sent", separator.join(COLUMNS), separator.join(ROW), ""]
    (tmp_path / "stems.csv").write_bytes((mark + end.join(lines)).encode())
    facts = read_sheet(tmp_path / "stems.csv").facts_for(tmp_path / "a.wav")
    assert facts.title == "Harbour" and facts.splits == (Split("ilse", 700_000), Split("kite", 300_000))
    assert facts.tags == (("mood", "dusk"),), "a column without a text is no tag"


def test_splits_may_be_separated_by_commas(tmp_path: Path) -> None:
    rows = "file;title;artist;splits;role;opt_in\na.wav;T;A;ilse=700000,kite=300000;pads;yes\n"
    (tmp_path / "s.csv").write_text(rows)
    assert len(read_sheet(tmp_path / "s.csv").facts_for(tmp_path / "a.wav").splits) == 2


@pytest.mark.parametrize(
    ("column", "kind"),
    [("tempoo", errors.BadSidecar), ("", errors.BadTag), ("x" * 65, errors.BadTag), ("a\x07", errors.BadTag)],
)
def test_a_column_that_is_no_tag(tmp_path: Path, column: str, kind: type[errors.VaultError]) -> None:
    (tmp_path / "s.csv").write_text(f"file,title,artist,splits,role,opt_in,{column}\n")
    with pytest.raises(kind):
        read_sheet(tmp_path / "s.csv")


def test_tags_are_kept_edited_and_taken_away(tmp_path: Path, vault: Vault) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.RandomState(1).uniform(-0.3, 0.3, 4000), 44_100)
    (tmp_path / "s.csv").write_text(",".join(COLUMNS) + "\n" + ",".join(ROW) + "\n")
    (stem,) = import_paths(vault, [tmp_path / "a.wav"], tmp_path / "s.csv").imported
    assert vault.stems() == [stem] and stem.tags == (("mood", "dusk"),)
    (edited,) = vault.edit([stem], {"mood": "", "vocal": "no"})
    assert vault.stems() == [edited] and edited.tags == (("vocal", "no"),)


def test_one_file_of_a_big_sheet_is_quiet_about_the_rest(tmp_path: Path, vault: Vault) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.RandomState(1).uniform(-0.3, 0.3, 4000), 44_100)
    rows = [",".join((f"{name}.wav", *ROW[1:])) for name in "abc"]
    (tmp_path / "s.csv").write_text("\n".join([",".join(COLUMNS), *rows]))
    assert import_paths(vault, [tmp_path / "a.wav"], tmp_path / "s.csv").refused == ()
    refused = import_paths(vault, [tmp_path], tmp_path / "s.csv").refused
    assert [error.file for error in refused] == ["b.wav", "c.wav"]


def stem(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.RandomState(seed).uniform(-0.3, 0.3, 4000), 44_100)
    return path


def sheet(path: Path, *names: str) -> Path:
    """A sheet with a row for each, titled by its name."""
    rows = [",".join((name, f"T {name}", *ROW[2:])) for name in names]
    path.write_text("\n".join([",".join(COLUMNS), *rows]))
    return path


def test_a_part_of_a_big_sheet_s_folder_is_quiet_about_the_rest(tmp_path: Path, vault: Vault) -> None:
    """The sheet stands beside the folder, as `amos vault scan stems --sidecar stems.csv` writes it."""
    names = ("pads/a.wav", "pads/b.wav", "bass/a.wav", "c.wav")
    for seed, name in enumerate(names):
        stem(tmp_path / "stems" / name, seed)
    rows = sheet(tmp_path / "stems.csv", *names, "gone.wav")
    report = import_paths(vault, [tmp_path / "stems" / "bass" / "a.wav"], rows)
    assert [made.title for made in report.imported] == ["T bass/a.wav"] and report.refused == ()
    report = import_paths(vault, [tmp_path / "stems" / "pads"], rows)
    assert [made.title for made in report.imported] == ["T pads/a.wav", "T pads/b.wav"]
    assert [error.file for error in report.refused] == ["gone.wav"]
    report = import_paths(vault, [tmp_path / "stems"], rows)
    assert len(report.imported) == 4 and [error.file for error in report.refused] == ["gone.wav"]


def test_a_row_whose_name_no_file_can_have_is_named(tmp_path: Path, vault: Vault) -> None:
    stem(tmp_path / "in" / "a.wav", 1)
    long = "x" * 300 + ".wav"
    refused = import_paths(vault, [tmp_path / "in"], sheet(tmp_path / "s.csv", "a.wav", long)).refused
    assert [(type(error), error.file) for error in refused] == [(errors.MissingFile, long)]


def test_the_row_that_says_most_of_the_path_is_meant(tmp_path: Path) -> None:
    rows = read_sheet(sheet(tmp_path / "s.csv", "a.wav", "stems/a.wav", " b.wav", "b.wav", "c.wav "))
    assert rows.facts_for(tmp_path / "stems" / "a.wav").title == "T stems/a.wav"
    assert rows.facts_for(tmp_path / "other" / ".." / "a.wav").title == "T a.wav"
    assert (
        rows.facts_for(tmp_path / " b.wav").title == "T  b.wav"
        and rows.facts_for(tmp_path / "b.wav").title == "T b.wav"
    )
    assert rows.facts_for(tmp_path / "c.wav").title == "T c.wav", "a blank behind a name is a typing error"


def test_a_tempo_may_have_the_comma_of_a_spreadsheet(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("file;title;artist;splits;role;opt_in;tempo\na.wav;T;A;a=1000000;pads;yes;96,7\n")
    assert read_sheet(tmp_path / "s.csv").facts_for(tmp_path / "a.wav").tempo_mbpm == 96_700


@pytest.mark.parametrize("column", ["theme", "style", "place", "time", "source", "layer", "rating", "bars", "beatless"])
def test_what_only_sounds_like_a_column_is_a_tag(tmp_path: Path, column: str) -> None:
    (tmp_path / "s.csv").write_text(f"file,title,artist,splits,role,opt_in,{column}\na.wav,T,A,a=1000000,fx,yes,dusk\n")
    assert read_sheet(tmp_path / "s.csv").facts_for(tmp_path / "a.wav").tags == ((column, "dusk"),)


@pytest.mark.parametrize("column", ["tempi", "titel", "Tempoo", "beat", "splitt", "rolle", "artists", "isrcs"])
def test_what_is_nearly_a_column_is_refused_with_it(tmp_path: Path, column: str) -> None:
    (tmp_path / "s.csv").write_text(f"file,title,artist,splits,role,opt_in,{column}\n")
    with pytest.raises(errors.BadSidecar, match="the nearest is"):
        read_sheet(tmp_path / "s.csv")


def test_columns_may_be_written_as_a_spreadsheet_s_headings(tmp_path: Path, vault: Vault) -> None:
    (tmp_path / "s.csv").write_text(
        "File,Title,ARTIST,Splits,Role,Opt-in,Tempo,AI use\na.wav,T,A,a=1000000,fx,yes,90,none\n"
    )
    facts = read_sheet(tmp_path / "s.csv").facts_for(tmp_path / "a.wav")
    assert (facts.title, facts.opt_in, facts.tempo_mbpm, facts.credits.ai_use) == ("T", True, 90_000, "none")
    assert facts.tags == ()
    (tmp_path / "twice.csv").write_text("file,title,artist,splits,role,opt_in,Title\n")
    with pytest.raises(errors.BadSidecar, match="each column once"):
        read_sheet(tmp_path / "twice.csv")
    (tmp_path / "a.json").write_text('{"Title": "T", "title": "U", "artist": "A"}')
    with pytest.raises(errors.BadSidecar, match="each field once"):
        read_sidecar(tmp_path / "a.wav")
    stem_facts = vault.import_file(stem(tmp_path / "b.wav", 1), facts)
    assert vault.edit([stem_facts], {"Title": "New"})[0].title == "New"
    with pytest.raises(errors.NotEditable):
        vault.edit([stem_facts], {"Opt-in": "no"})


@pytest.mark.parametrize(
    ("columns", "wrong"),
    [
        ({"pickup": "1 beat"}, None),
        ({"Downbeat": "0,48 s", "tempo": ""}, None),
        ({"pickup": "1 beat", "tempo": ""}, "pickup"),
        ({"pickup": "soon"}, "pickup"),
        ({"downbeat": "1 s", "pickup": "1 s"}, "pickup"),
    ],
)
def test_where_the_first_downbeat_is_must_be_a_length(columns: dict[str, str], wrong: str | None) -> None:
    fields = {"title": "T", "artist": "A", "splits": "ilse=1000000", "role": "pads", "opt_in": "yes", "tempo": "84"}
    fields |= columns
    if wrong is None:
        parse_facts("a.wav", fields)
        return
    with pytest.raises(errors.BadTag) as refused:
        parse_facts("a.wav", fields)
    assert refused.value.field == wrong
