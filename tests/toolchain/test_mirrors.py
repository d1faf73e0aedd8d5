"""Which mirrors are read out of apt's two formats of source lists."""

from pathlib import Path

import pytest

from amos_tools.toolchain.mirrors import CANDIDATES_MAX, DOCUMENTED, candidates

DEB822 = """\
# the archive
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
# a comment inside a stanza
Components: main
 contrib

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://sources.example/debian
Suites: bookworm
Components: main
"""

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb [arch=armhf signed-by=/usr/share/keyrings/a.gpg] http://one.example/debian bookworm main contrib # trailing
deb-src http://sources.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
deb cdrom:[Debian]/ bookworm main
deb http://other.example/apt stable extra
deb
"""

RASPBERRY = """\
deb http://raspbian.raspberrypi.com/raspbian/ bookworm main contrib
deb http://archive.raspberrypi.com/debian/ bookworm main
"""


@pytest.mark.parametrize(
    ("file_name", "text", "expected"),
    [
        ("sources.list.d/debian.sources", DEB822, ["http://mirror.example/debian", DOCUMENTED]),
        ("sources.list.d/debian.list", ONE_LINE, ["http://one.example/debian", DOCUMENTED]),
        ("sources.list", ONE_LINE, ["http://one.example/debian", DOCUMENTED]),
        ("sources.list", RASPBERRY, [DOCUMENTED]),
        ("sources.list", f"deb {DOCUMENTED} trixie main\n", [DOCUMENTED]),
        ("sources.list.d/notes.txt", ONE_LINE, [DOCUMENTED]),
        ("sources.list", "", [DOCUMENTED]),
    ],
)
def test_mirrors_of_the_main_archive_come_first(tmp_path: Path, file_name: str, text: str, expected: list[str]) -> None:
    path = tmp_path / file_name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert candidates(tmp_path) == expected


def test_no_sources_at_all(tmp_path: Path) -> None:
    assert candidates(tmp_path / "missing") == [DOCUMENTED]


def test_a_long_list_is_cut_but_keeps_the_documented_mirror(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("".join(f"deb http://{n}.example/debian trixie main\n" for n in range(9)))
    assert len(candidates(tmp_path)) == CANDIDATES_MAX
    assert candidates(tmp_path)[-1] == DOCUMENTED
