"""Script text to statements. Each line is parsed by itself, so an error in one never hides those of the next."""

import functools
import re
import threading
from importlib import resources
from pathlib import Path

from lark import Lark, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from amos_cli.names import nearest
from amos_cli.text import place_of
from amos_tools.script import tree
from amos_tools.script.builder import Builder
from amos_tools.script.hints import hint
from amos_tools.script.problems import FIRST, Problem, Problems, ScriptError, Span
from amos_tools.script.words import KINDS, PUNCTUATION, STATEMENTS, TERMINALS, terminal_rules

SOURCE_BYTES_MAX = 256 * 1024
"""A long script is some kilobytes; this bounds the time a hostile one takes."""
LINE_CHARACTERS_MAX = 1000
STATEMENTS_MAX = 4096
"""64 sections of 32 layers, with pools, sliders and room."""

_WORD = re.compile(r"[^\W\d]\w*|\d[\w.]*")
_BLANK = re.compile(r"[ \t]*(#.*)?")
_BEGINNING = re.compile(r"[ \t]*(\w+)[ \t]*(\w*)")
_parsing = threading.Lock()


@functools.cache
def _parser() -> tuple[Lark, Builder]:
    grammar = resources.files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
    builder = Builder()
    parser = Lark(
        f"{grammar}\n{terminal_rules()}",
        parser="lalr",
        lexer="contextual",
        maybe_placeholders=True,
        transformer=builder,
    )
    return parser, builder


def read_source(path: Path) -> bytes:
    """At most one byte more than a script may have: the compiler refuses what is longer. Raises OSError."""
    with path.open("rb") as file:
        return file.read(SOURCE_BYTES_MAX + 1)


def source_lines(source: str | bytes, name: str) -> list[str]:
    """The lines of a script. Raises `ScriptError` if it is too long or no UTF-8 text."""
    try:
        data = source.encode() if isinstance(source, str) else source
        if len(data) > SOURCE_BYTES_MAX:
            raise _refused(name, f"a script has at most {SOURCE_BYTES_MAX // 1024} KiB, this one has {len(data)} bytes")
        text = data.decode("utf-8-sig")
    except UnicodeError as error:
        line, column = place_of(error) if isinstance(error, UnicodeDecodeError) else (1, 1)
        raise _refused(name, "a script is UTF-8 text, this is not", Span(line, column, 0)) from None
    return [line.removesuffix("\r") for line in text.split("\n")]


def _refused(name: str, message: str, span: Span = FIRST) -> ScriptError:
    return ScriptError([Problem("error", name, span, message, "")])


def parse_lines(lines: list[str], problems: Problems) -> list[tree.Statement]:
    """Statements of the lines, in order. Lines that do not parse are noted and come as `Broken`."""
    statements: list[tree.Statement] = []
    for number, line in enumerate(lines, 1):
        if _BLANK.fullmatch(line):
            continue
        if len(line) > LINE_CHARACTERS_MAX:
            problems.error(
                Span(number, LINE_CHARACTERS_MAX + 1, 1),
                f"a line has at most {LINE_CHARACTERS_MAX} characters, this one has {len(line)}",
            )
            statements.append(_broken(number, line))
            continue
        if len(statements) >= STATEMENTS_MAX:
            problems.error(Span(number, 1, 1), f"a script has at most {STATEMENTS_MAX} statements")
            break
        statements.append(_parse_line(number, line, problems))
    return statements


def _parse_line(number: int, line: str, problems: Problems) -> tree.Statement:
    parser, builder = _parser()
    try:
        with _parsing:
            builder.line = number
            statement: tree.Statement = parser.parse(line)  # type: ignore[assignment]
            return statement
    except UnexpectedInput as error:
        _explain(error, number, line, problems)
    return _broken(number, line)


def _broken(number: int, line: str) -> tree.Broken:
    match = _BEGINNING.match(line)
    word, name = match.groups() if match else ("", "")
    return tree.Broken(Span(number, 1, len(line)), nearest(word, STATEMENTS) or "", name)


def _explain(error: UnexpectedInput, number: int, line: str, problems: Problems) -> None:
    names = _fitting(error, line)
    expected = _expected(names)
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        column = len(re.sub(r"[ \t]+$", "", line)) + 1
        notes = _notes(line, column, names)
        problems.error(Span(number, column, 0), "the line ends too early", expected=expected, notes=notes)
        return
    column = max(1, error.column)
    notes = _notes(line, column, names)
    match = _WORD.match(line, column - 1)
    found = match.group() if match else line[column - 1 : column]
    span = Span(number, column, len(found))
    suggestion = nearest(found, [word.strip("`") for word in expected if word[0] == "`"]) if match else None
    if found == '"' and "a closing quote" not in expected and line.count('"', column - 1) == 1:
        problems.error(span, "the text has no closing quote", expected=['`"`'])
    elif line[: column - 1].strip() == "":
        statements = [f"`{word}`" for word in STATEMENTS]
        message = f"no statement begins with `{found}`"
        problems.error(span, message, expected=statements, suggestion=suggestion, notes=notes)
    elif found.isprintable():
        message = f"`{found}` does not fit here"
        problems.error(span, message, expected=expected, suggestion=suggestion, notes=notes)
    else:
        problems.error(span, f"character U+{ord(found):04X} does not fit here", expected=expected)


def _fitting(error: UnexpectedInput, line: str) -> set[str]:
    """The terminals that would fit at the error."""
    if isinstance(error, UnexpectedToken):
        names = set(error.accepts or error.expected)
    else:
        assert isinstance(error, UnexpectedCharacters)
        names = _after(line[: error.column - 1]) or set(error.allowed or ())
    return {"$END" if name == "<END-OF-FILE>" else name for name in names}


def _after(beginning: str) -> set[str]:
    """The terminals that may follow the beginning of a line; what the lexer tried is more, as states are merged."""
    with _parsing:
        state = _parser()[0].parse_interactive(beginning)
        try:
            state.exhaust_lexer()
        except UnexpectedInput:
            return set()
        fits: set[str] = state.accepts()  # type: ignore[no-untyped-call]
    return fits


def _notes(line: str, column: int, names: set[str]) -> list[str]:
    found = hint(line, column, names)
    return [found] if found else []


def _expected(names: set[str]) -> list[str]:
    """What would fit, in words: values first, then words of the language, then signs."""
    values, words, signs = [], [], []
    for name in names:
        if name in KINDS:
            values.append(KINDS[name])
        elif name in TERMINALS:
            words.append(f"`{TERMINALS[name][0]}`")
        elif name in PUNCTUATION:
            signs.append(f"`{PUNCTUATION[name]}`")
        elif name in ("__ANON_0", "__ANON_1"):
            signs.append("`..`" if name == "__ANON_0" else "`->`")
    return [*sorted(values), *sorted(words), *sorted(signs)]
