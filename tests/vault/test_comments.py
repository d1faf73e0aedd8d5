"""Comments in a CSV are passed over, and the numbers of lines stay those of the file."""

from pathlib import Path

import pytest

from amos_tools.vault.errors import BadSidecar, BadText
from amos_tools.vault.sidecar import read_sheet

HEADER = "file,title,artist,splits,role,opt_in\n"


def facts(path: Path, name: str) -> str:
    return read_sheet(path).facts_for(path.parent / name).title


def test_lines_that_begin_with_a_hash_are_comments(tmp_path: Path) -> None:
    sheet = tmp_path / "stems.csv"
    sheet.write_text(
        f'\ufeff# "ours, of June\n\n{HEADER}# a.wav,"gone\n'
        'a.wav,"two\n# lines",ada,ada=1000000,pads,yes\n  # the last\n"#b.wav",Bee,ada,ada=1000000,pads,yes\n'
    )
    with pytest.raises(BadText, match=r"found two\?# lines"):  # inside a cell it is text
        facts(sheet, "a.wav")
    assert facts(sheet, "#b.wav") == "Bee"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"# one\n# two\n{HEADER}# four\na.wav,x\n", "6 cells in line 5 of stems.csv"),
        ("# one\n\nfile,titel\n", "header in line 3: titel: expected a known column"),
        (f'{HEADER}# two\na.wav,"never closed\n# text\n', "in line 4"),
        ("# nothing but this\n", "header: expected the column file"),
        ("", "header: expected the column file"),
    ],
)
def test_a_refusal_names_the_line_of_the_file(tmp_path: Path, text: str, said: str) -> None:
    sheet = tmp_path / "stems.csv"
    sheet.write_text(text)
    with pytest.raises(BadSidecar) as refused:
        facts(sheet, "a.wav")
    assert said in str(refused.value)
