"""Themes: stems that belong together, by their tags, and the sections that play one of them a visit."""

from array import array
from collections.abc import Sequence

from amos.score.score import THEMES_MAX, Layer, StemSet
from amos_cli.names import nearest
from amos_tools.script import tree
from amos_tools.script.problems import Problems, Span
from amos_tools.stems import StemFacts
from amos_tools.tags import has_tag, tags_in, tags_of


class Themes:
    """The themes of one script, numbered as its sections name them, over the stems that it may play."""

    def __init__(self, stems: Sequence[StemFacts], problems: Problems):
        self._stems = stems
        self._problems = problems
        self._numbers: dict[str, int] = {}
        self._spans: list[Span] = []

    def of(self, section: tree.Section) -> list[int] | None:
        """Indexes of the section's themes; None without any, or with errors noted."""
        option = _option_of(section)
        if option is None:
            return None
        found: list[int] = []
        for name in self._of_column(option.word) if option.word else self._listed(option.words):
            if name not in self._numbers:
                self._spans.append(option.span)
            number = self._numbers.setdefault(name, len(self._numbers))
            if number >= THEMES_MAX:
                self._problems.error(option.span, f"a script has at most {THEMES_MAX} themes")
                return None
            found.append(number)
        return found or None

    def _of_column(self, column: tree.Text) -> list[str]:
        names = sorted({tag for stem in self._stems for tag in tags_in(stem, column.value)})
        if not names:
            columns = {name for stem in self._stems for name, _text in stem.tags}
            message = f"no stem with opt-in has a column “{column.value}” that says anything"
            self._problems.error(column.span, message, suggestion=nearest(column.value, columns))
        return names

    def _listed(self, texts: Sequence[tree.Text]) -> list[str]:
        names: list[str] = []
        tags = {tag for stem in self._stems for tag in tags_of(stem)}
        for text in texts:
            name = text.value.strip().casefold()
            if name in names:
                self._problems.error(text.span, f"theme “{text.value}” stands twice in this line")
            elif name not in tags:
                message = f"no stem with opt-in is tagged “{text.value}”"
                self._problems.error(text.span, message, suggestion=nearest(text.value, tags))
            else:
                names.append(name)
        return names

    def check(self, section: tree.Section, plays: Sequence[tree.Play]) -> None:
        """Note themes without themed layers, and themed layers without themes."""
        marked = [option for play in plays for option in play.options if option.kind == "themed"]
        option = _option_of(section)
        if option is None:
            for one in marked:
                name = section.name.value
                expected = [f'`section {name} … bars themes "…"`']
                self._problems.error(one.span, f"section `{name}` has no themes", expected=expected)
        elif not marked and plays:
            expected = ["`themed` in a play line"]
            self._problems.error(option.span, "no layer of the section keeps to its theme", expected=expected)

    def check_layer(self, play: tree.Play, layer: Layer, themes: Sequence[int], stems: Sequence[StemFacts]) -> None:
        """Warn of themes that have none, or too few, of `stems`, from which a themed layer plays."""
        names = self.names()
        for number in themes:
            count = sum(has_tag(stem, names[number]) for stem in stems)
            who = f"theme “{names[number]}” has {count or 'no'} {play.role.value} in pool `{play.pool.value}`"
            if not count:
                self._problems.warn(play.pool.span, f"{who}, so the whole pool plays instead")
            elif count < layer.count_max and layer.strokes is None:
                self._problems.warn(play.pool.span, f"{who}, and {layer.count_max} play at once")

    def names(self) -> tuple[str, ...]:
        """The tag of each theme, in the order of the rows."""
        return tuple(self._numbers)

    def rows(self, table: Sequence[StemFacts]) -> list[StemSet] | None:
        """The themes as indexes into the stem table; None without any."""
        rows = []
        for name, number in self._numbers.items():
            stems = [index for index, stem in enumerate(table) if has_tag(stem, name)]
            if not stems:
                self._problems.error(self._spans[number], f"theme “{name}” has none of the stems that the script plays")
            rows.append(StemSet(stems=array("H", stems)))
        return rows or None


def _option_of(section: tree.Section) -> tree.Option | None:
    return next((option for option in section.options if option.kind == "themes"), None)
