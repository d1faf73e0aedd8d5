"""The canonical form of a script: one way to space, indent and number, comments kept, meaning untouched."""

import functools
from importlib import resources

from lark import Lark, Token, Tree

from amos_tools.script.parse import parse_lines, source_lines
from amos_tools.script.problems import Problems
from amos_tools.script.words import terminal_rules

INDENT = "  "
_TIGHT = {"..", "/", "."}
_SINGULAR = {"BARS": ("bar", "bars"), "BEATS": ("beat", "beats")}
_IN_SECTION = ("play", "next")


def format_script(source: str | bytes, *, name: str = "<script>") -> str:
    """`source` in canonical form; the same again gives the same text. Raises `ScriptError` if a line does not parse."""
    lines = source_lines(source, name)
    problems = Problems(lines, name)
    parse_lines(lines, problems)
    problems.raise_if_any()
    rows = [_row(line.strip(" \t")) for line in lines]
    return "\n".join(_spaced(rows)) + "\n"


@functools.cache
def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(
        f"{grammar}\n{terminal_rules()}",
        parser="lalr",
        lexer="contextual",
        keep_all_tokens=True,
        maybe_placeholders=False,
    )


def _row(line: str) -> tuple[str, str]:
    """(first word, canonical line). The first word is empty for a blank line, `#` for a comment."""
    if not line:
        return "", ""
    if line.startswith("#"):
        return "#", line
    tokens = _tokens(_parser().parse(line))
    text = ""
    before: Token | None = None
    tight = True
    for token, rule in tokens:
        shown = _shown(token, before)
        if not tight and shown not in (",", ")") and shown not in _TIGHT and not _joins(token, rule):
            text += " "
        text += shown
        tight = shown in _TIGHT or shown == "(" or _joins(token, rule) or _is_sign(token, rule)
        before = token
    end = tokens[-1][0].end_pos or 0
    comment = line[end:].strip()
    return str(tokens[0][0]), f"{text}  {comment}" if comment else text


def _tokens(tree: Tree[Token]) -> list[tuple[Token, str]]:
    """Tokens in order, each with the name of the rule it stands in; without recursion, for deep expressions."""
    found: list[tuple[Token, str]] = []
    ahead: list[tuple[Token | Tree[Token], str]] = [(tree, "")]
    while ahead:
        node, rule = ahead.pop()
        if isinstance(node, Token):
            found.append((node, rule))
        else:
            ahead.extend((child, str(node.data)) for child in reversed(node.children))
    return found


def _joins(token: Token, rule: str) -> bool:
    """The dash between two days."""
    return rule == "day" and token == "-"


def _is_sign(token: Token, rule: str) -> bool:
    return rule in ("signed", "negate", "positive") and token in ("-", "+")


def _shown(token: Token, before: Token | None) -> str:
    if token.type == "NUMBER":
        return _number(str(token))
    if token.type == "TIME":
        return str(token).zfill(5)
    if token.type == "CAMELOT":
        return str(token).upper()
    if token.type in _SINGULAR:
        one, many = _SINGULAR[token.type]
        return one if before is not None and before.type == "NUMBER" and _number(str(before)) == "1" else many
    return str(token)


def _number(text: str) -> str:
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{rest}" if rest else whole


def _spaced(rows: list[tuple[str, str]]) -> list[str]:
    """Lines with their indentation; one blank line around each section, and nowhere more than one."""
    lines: list[str] = []
    blank = False
    in_section = False
    for number, (word, text) in enumerate(rows):
        if not word:
            blank = bool(lines)
            continue
        ahead = _statement_from(rows, number)
        inside = ahead in _IN_SECTION and (in_section or ahead == word)
        parts = (ahead == "section" or (in_section and not inside)) and not (lines and lines[-1].startswith("#"))
        if lines and (blank or parts):
            lines.append("")
        lines.append(INDENT + text if inside else text)
        blank = False
        if word != "#":
            in_section = word == "section" or (in_section and inside)
        elif not inside:
            in_section = False
    return lines


def _statement_from(rows: list[tuple[str, str]], number: int) -> str:
    """The first word of the statement that line `number` is, or that its comment stands over."""
    for word, _ in rows[number:]:
        if word not in ("#", ""):
            return word
    return ""
