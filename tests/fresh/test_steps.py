"""What is run where, and how the end is told."""

from pathlib import Path

import pytest

from amos_tools import bootstrap
from amos_tools.fresh import roots
from amos_tools.fresh.steps import ARMHF_MARK, RELEASES, Outcome, readme_packages, same_pcm, steps, summary
from amos_tools.toolchain import ToolMissing

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def test_readme_says_what_to_install_and_for_32_bit_arm_what_bootstrap_asks_for() -> None:
    everywhere = readme_packages(README, "amd64")
    assert {"git", "make", "python3"} <= set(everywhere) == set(readme_packages(README, "arm64"))
    more = readme_packages(README, "armhf")[len(everywhere) :]
    assert " ".join(more) == bootstrap.DEBIAN_PACKAGES


def test_only_lines_that_install_are_read() -> None:
    text = f"`apt install x`\n  apt install y\napt install a b # why\nsudo apt install c   # {ARMHF_MARK} alone\n"
    assert readme_packages(text, "amd64") == ("a", "b")
    assert readme_packages(text, "armhf") == ("a", "b", "c")


def test_the_suite_runs_on_both_debians_and_emulated_machines_render() -> None:
    assert RELEASES["amd64"] == ("bookworm", "trixie")
    assert [step.name for step in steps("amd64")] == ["demo", "test"]
    assert [step.name for step in steps("arm64")] == [step.name for step in steps("armhf")] == ["demo", "render"]
    assert [step.name for step in steps("amd64", ["test"])] == ["test"]


def test_the_last_line_says_what_passed() -> None:
    outcomes = [
        Outcome("bookworm-amd64", "demo", True),
        Outcome("bookworm-amd64", "test", True, "9 passed in 3 s"),
        Outcome("trixie-amd64", "demo", False, "no network"),
    ]
    assert summary(outcomes) == (
        "fresh: bookworm-amd64 demo passed; bookworm-amd64 test passed (9 passed in 3 s); "
        "trixie-amd64 demo FAILED (no network)"
    )
    assert summary([]) == "fresh: nothing was run"


def test_another_sound_fails() -> None:
    assert same_pcm("trixie-arm64", "ab" * 32, "ab" * 32).passed
    differing = same_pcm("trixie-arm64", "ab" * 32, "cd" * 32)
    assert not differing.passed and "cdcd" in differing.said


def test_who_may_not_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ToolMissing, match=r"only root may: sudo make fresh$"):
        roots.check_machine("amd64")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ToolMissing, match=r"apt install debootstrap$"):
        roots.check_machine("amd64")


def test_a_machine_without_an_emulator_is_told_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "register").touch()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: None if name == "update-binfmts" else name)
    monkeypatch.setattr(roots, "BINFMT", tmp_path)
    monkeypatch.setattr(roots, "_native", lambda: "amd64")
    with pytest.raises(ToolMissing, match=r"armhf programs: apt install qemu-user-static"):
        roots.check_machine("armhf")
    (tmp_path / "qemu-arm").touch()
    roots.check_machine("armhf")
