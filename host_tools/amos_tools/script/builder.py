"""Builds the nodes of `tree` while a line is parsed: one method for each rule of grammar.lark."""

from fractions import Fraction
from typing import Any

from lark import Token, Transformer

from amos_cli.names import nfc
from amos_tools.keys import parse_key
from amos_tools.script import tree
from amos_tools.script.problems import Span

_COMPARE = {"<": ("less", False), "<=": ("less_equal", False), "==": ("equal", False)}
_COMPARE |= {">": ("less", True), ">=": ("less_equal", True)}
Parts = list[Any]


class Builder(Transformer[Token, Any]):
    """Called bottom-up by the parser. `line` is the number of the line being parsed."""

    line = 0

    def _span(self, token: Token) -> Span:
        return Span(self.line, token.column or 1, len(token))

    def _over(self, first: Span, last: Span) -> Span:
        return Span(self.line, first.column, last.column + last.length - first.column)

    def _text(self, token: Token) -> tree.Text:
        value = str(token)[1:-1] if token.type == "STRING" else str(token)
        return tree.Text(nfc(value), self._span(token))

    def _number(self, token: Token, unit: Token | None = None) -> tree.Number:
        span = self._span(token)
        if unit is None:
            return tree.Number(Fraction(str(token)), span)
        return tree.Number(Fraction(str(token)), self._over(span, self._span(unit)), unit.type)

    def signed(self, parts: Parts) -> tree.Number:
        sign, token = parts
        number = self._number(token)
        if sign is None:
            return number
        value = -number.value if sign == "-" else number.value
        return tree.Number(value, self._over(self._span(sign), number.span))

    def decibels(self, parts: Parts) -> tree.Number:
        number, unit = parts
        return tree.Number(number.value, self._over(number.span, self._span(unit)), unit.type)

    def duration(self, parts: Parts) -> tree.Number:
        return self._number(parts[0], parts[1])

    def range(self, parts: Parts) -> tree.Range:
        lo = self._number(parts[0])
        hi = lo if parts[1] is None else self._number(parts[1])
        return tree.Range(lo, hi, self._over(lo.span, hi.span))

    def note(self, parts: Parts) -> tree.Text:
        span = self._over(self._span(parts[0]), self._span(parts[-1]))
        return tree.Text(parse_key(" ".join(parts)) or "", span)

    def experience(self, parts: Parts) -> tree.Experience:
        keyword, name, _seed, value = parts
        return tree.Experience(self._span(keyword), self._text(name), None if value is None else self._text(value))

    def clock(self, parts: Parts) -> tree.Clock:
        keyword, rate, _tempo, tempo, _meter, beats, unit, _key, key = parts
        meter = None if beats is None else (self._number(beats), self._number(unit))
        return tree.Clock(self._span(keyword), self._number(rate), self._number(tempo), meter, key)

    def pool(self, parts: Parts) -> tree.Pool:
        return tree.Pool(self._span(parts[0]), self._text(parts[1]), tuple(parts[-1]))

    def role_is(self, parts: Parts) -> list[tree.Condition]:
        return self.named(parts)

    def named(self, parts: Parts) -> list[tree.Condition]:
        kind, value = parts
        return [tree.Condition(str(kind), self._over(self._span(kind), self._span(value)), self._text(value))]

    def fits(self, parts: Parts) -> list[tree.Condition]:
        kind, word = parts
        return [tree.Condition(str(kind), self._over(self._span(kind), self._span(word)))]

    def slider(self, parts: Parts) -> tree.Slider:
        keyword, name, lo, hi, _start, start, *options = parts
        return tree.Slider(self._span(keyword), self._text(name), lo, hi, start, tuple(options))

    def mix(self, parts: Parts) -> tree.Mix:
        return tree.Mix(self._span(parts[0]), tuple(parts[1:]))

    def section(self, parts: Parts) -> tree.Section:
        options = tuple(part for part in parts[4:] if isinstance(part, tree.Option))
        exclusive = tuple(part for part in parts[4:] if isinstance(part, tree.Exclusive))
        phrases = tuple(part for part in parts[4:] if isinstance(part, tree.Phrase))
        return tree.Section(self._span(parts[0]), self._text(parts[1]), parts[2], options, exclusive, phrases)

    def phrase(self, parts: Parts) -> tree.Phrase:
        keyword, bars, unit, _changes, changes = parts
        number = self._number(bars, unit)
        return tree.Phrase(self._over(self._span(keyword), number.span), number, changes and self._text(changes))

    def exclusive(self, parts: Parts) -> tree.Exclusive:
        roles = tuple(map(self._text, parts[1:]))
        return tree.Exclusive(self._over(self._span(parts[0]), roles[-1].span), roles)

    def play(self, parts: Parts) -> tree.Play:
        keyword, role, _from, pool, *options = parts
        return tree.Play(self._span(keyword), self._text(role), self._text(pool), tuple(options))

    def next(self, parts: Parts) -> tree.Next:
        return tree.Next(self._span(parts[0]), tuple(parts[1:]))

    def follower(self, parts: Parts) -> tree.Follower:
        name, weight, _when, when, _after, after, _visits = parts
        visits = None if after is None else self._number(after)
        return tree.Follower(self._text(name), weight and self._whole(weight), when and self._whole(when), visits)

    def transition(self, parts: Parts) -> tree.Transition:
        keyword, before, after, *options = parts
        places = [None if place.type == "ANY" else self._text(place) for place in (before, after)]
        return tree.Transition(self._span(keyword), places[0], places[1], tuple(options))

    def _option(self, kind: str, keyword: Token, **carried: Any) -> tree.Option:
        return tree.Option(kind, self._span(keyword), **carried)

    def _bare_option(self, parts: Parts) -> tree.Option:
        return self._option(str(parts[0]), parts[0])

    exact = duck_under = once = themed = _bare_option

    def _word_option(self, parts: Parts) -> tree.Option:
        return self._option(str(parts[0]), parts[0], word=self._text(parts[-1]))

    scope = via = at = swap = block_it = blocked = _word_option

    def own_key(self, parts: Parts) -> tree.Option:
        return self._option("key", parts[0], word=parts[1])

    def own_tempo(self, parts: Parts) -> tree.Option:
        return self._option("tempo", parts[0], number=self._number(parts[1]))

    def themes(self, parts: Parts) -> tree.Option:
        return self._option("themes", parts[0], words=tuple(map(self._text, parts[1:])))

    def themes_from(self, parts: Parts) -> tree.Option:
        return self._option("themes", parts[0], word=self._text(parts[2]))

    def _number_option(self, parts: Parts) -> tree.Option:
        number = parts[1] if isinstance(parts[1], tree.Number) else self._number(*parts[1:])
        return self._option(str(parts[0]), parts[0], number=number)

    peak = voices = every = gain = slew = cue = tail = lasting = ending = _number_option

    def pattern(self, parts: Parts) -> tree.Option:
        return self._option("pattern", parts[0], word=self._text(parts[1]))

    def until(self, parts: Parts) -> tree.Option:
        return self._option("until", parts[0], number=self._number(parts[2]))

    def ratio(self, parts: Parts) -> tuple[tree.Number, tree.Number]:
        return self._number(parts[0]), self._number(parts[1])

    def euclid(self, parts: Parts) -> tree.Option:
        keyword, ratio, _rotate, turn = parts
        return self._option("euclid", keyword, ratio=ratio, number=None if turn is None else self._number(turn))

    def division(self, parts: Parts) -> tree.Option:
        return self._option("division", parts[0], ratio=parts[1])

    def swing(self, parts: Parts) -> tree.Option:
        return self._option(str(parts[0]), parts[0], number=self._number(parts[1]))

    width = lowpass = swing

    def pan(self, parts: Parts) -> tree.Option:
        keyword, side, aside = parts
        return self._option("pan", keyword, word=self._text(side), number=self._number(aside))

    def weight(self, parts: Parts) -> tree.Option:
        return self._option("weight", parts[0], number=self._number(parts[1]))

    def duck(self, parts: Parts) -> tree.Option:
        return self._option("duck", parts[0], number=parts[1], length=parts[2])

    def target(self, parts: Parts) -> tree.Option:
        return self._option("target", parts[0], number=parts[1])

    def count(self, parts: Parts) -> tree.Option:
        return self._option("count", parts[0], range=parts[1])

    def chance(self, parts: Parts) -> tree.Option:
        return self._option("chance", parts[0], expression=self._whole(parts[1]))

    def when(self, parts: Parts) -> tree.Option:
        return self._option("when", parts[0], expression=self._whole(parts[1]))

    def loudness(self, parts: Parts) -> tree.Option:
        return self._option("gain", parts[0], expression=self._whole(parts[1]))

    def rise(self, parts: Parts) -> tree.Option:
        keyword, lo, hi, unit, _over, length = parts
        span = self._over(lo.span, self._span(unit))
        return self._option("gain", keyword, range=tree.Range(lo, hi, span), length=length)

    def enter(self, parts: Parts) -> tree.Option:
        number = None if parts[2] is None else self._number(parts[2])
        return self._option("enter", parts[0], word=self._text(parts[1]), number=number)

    def fade(self, parts: Parts) -> tree.Option:
        curve = None if parts[2] is None else self._text(parts[2])
        return self._option("fade", parts[0], number=parts[1], word=curve)

    def avoid(self, parts: Parts) -> tree.Avoid:
        return tree.Avoid(self._span(parts[0]), tuple(parts[1:]))

    def avoid_again(self, parts: Parts) -> tree.Avoidance:
        return tree.Avoidance(str(parts[0]), self._span(parts[0]), amounts=tuple(parts[1:]))

    def keep(self, parts: Parts) -> tree.Avoidance:
        return tree.Avoidance("keep", self._span(parts[0]), word=self._text(parts[1]))

    amount = duration

    def relax(self, parts: Parts) -> tree.Relax:
        return tree.Relax(self._span(parts[0]), tuple(parts[1:]))

    def rule(self, parts: Parts) -> tree.Text:
        words = [part for part in parts if part is not None]
        return tree.Text(".".join(words), self._over(self._span(words[0]), self._span(words[-1])))

    def block(self, parts: Parts) -> tree.BlockList:
        return tree.BlockList(self._span(parts[0]), tuple(parts[1:]))

    def daypart(self, parts: Parts) -> tree.Daypart:
        keyword, name, days, start, end, _priority, priority, *rest = parts
        return tree.Daypart(
            self._span(keyword),
            None if name is None else self._text(name),
            days or (),
            self._text(start),
            self._text(end),
            None if priority is None else self._text(priority),
            tuple(part for part in rest if isinstance(part, tree.Setting)),
            tuple(self._text(part) for part in rest if isinstance(part, Token) and part.type == "STRING"),
            tuple(part for part in rest if isinstance(part, tree.Text)),
            tuple(part for part in rest if isinstance(part, tree.Number)),
        )

    def leads(self, parts: Parts) -> tree.Text:
        return self._text(parts[1])

    def loud_as(self, parts: Parts) -> tree.Number:
        return parts[1]  # type: ignore[no-any-return]

    def volume(self, parts: Parts) -> tree.Volume:
        keyword, days, *points = parts
        return tree.Volume(self._span(keyword), days or (), tuple(points))

    def point(self, parts: Parts) -> tuple[tree.Text, tree.Number]:
        return self._text(parts[0]), parts[1]

    place_at = point

    def curve(self, parts: Parts) -> tree.Curve:
        keyword, slider, days, *points = parts
        return tree.Curve(self._span(keyword), self._text(slider), days or (), tuple(points))

    def mood(self, parts: Parts) -> tree.Mood:
        return tree.Mood(self._span(parts[0]), self._text(parts[1]), tuple(parts[2:]))

    def setting(self, parts: Parts) -> tree.Setting:
        return tree.Setting(self._text(parts[-2]), parts[-1])

    preset = setting

    def days(self, parts: Parts) -> tuple[tree.Days, ...]:
        return tuple(parts)

    def day(self, parts: Parts) -> tree.Days:
        first = self._text(parts[0])
        last = first if parts[1] is None else self._text(parts[1])
        return tree.Days(first, last, self._over(first.span, last.span))

    def announce(self, parts: Parts) -> tree.Announce:
        keyword, name, days, when, *options = parts
        times, every = when or ((), None)
        return tree.Announce(self._span(keyword), self._text(name), days or (), times, every, tuple(options))

    def at_times(self, parts: Parts) -> tuple[tuple[tree.Text, ...], None]:
        return tuple(self._text(part) for part in parts[1:] if part.type == "TIME"), None

    def every_times(self, parts: Parts) -> tuple[tuple[tree.Text, ...], tree.Number]:
        times = tuple(self._text(part) for part in parts[2:] if part is not None and part.type == "TIME")
        return times, parts[1]

    def on(self, parts: Parts) -> tree.On:
        return tree.On(self._span(parts[0]), self._text(parts[1]), tuple(parts[2:]))

    def hit(self, parts: Parts) -> tree.HitPoint:
        return tree.HitPoint(self._span(parts[0]), parts[1], self._text(parts[2]))

    def render(self, parts: Parts) -> tree.Render:
        keyword, name, _length, length, *rest = parts
        fades = tuple(part for part in rest if isinstance(part, tree.Option))
        hits = tuple(part for part in rest if isinstance(part, tree.HitPoint))
        return tree.Render(self._span(keyword), self._text(name), length, fades, hits)

    def _whole(self, ops: list[tree.Op]) -> tree.Expression:
        first = min(ops, key=lambda op: op.span.column).span
        last = max(ops, key=lambda op: op.span.column).span
        return tree.Expression(tuple(ops), self._over(first, last))

    def number(self, parts: Parts) -> list[tree.Op]:
        return [tree.Op("const", self._span(parts[0]), value=Fraction(str(parts[0])))]

    def level(self, parts: Parts) -> list[tree.Op]:
        number = self._number(*parts)
        return [tree.Op("decibels", number.span, value=number.value)]

    positive = level

    def reference(self, parts: Parts) -> list[tree.Op]:
        return [tree.Op("slider", self._span(parts[0]), name=str(parts[0]))]

    def sounds(self, parts: Parts) -> list[tree.Op]:
        return [tree.Op("sounds", self._over(self._span(parts[0]), self._span(parts[1])), name=str(parts[0]))]

    def _binary(self, code: str, left: list[tree.Op], right: list[tree.Op]) -> list[tree.Op]:
        # An operation stands where its right operand does: that is where its value would be questioned.
        left.extend(right)
        left.append(tree.Op(code, right[-1].span))
        return left

    def add(self, parts: Parts) -> list[tree.Op]:
        return self._binary("add", *parts)

    def subtract(self, parts: Parts) -> list[tree.Op]:
        return self._binary("subtract", *parts)

    def multiply(self, parts: Parts) -> list[tree.Op]:
        return self._binary("multiply", *parts)

    def or_(self, parts: Parts) -> list[tree.Op]:
        return self._binary("or", parts[0], parts[2])

    def and_(self, parts: Parts) -> list[tree.Op]:
        return self._binary("and", parts[0], parts[2])

    def compare(self, parts: Parts) -> list[tree.Op]:
        code, swapped = _COMPARE[str(parts[1])]
        left, right = (parts[2], parts[0]) if swapped else (parts[0], parts[2])
        return self._binary(code, left, right)

    def not_(self, parts: Parts) -> list[tree.Op]:
        return [*parts[1], tree.Op("not", self._span(parts[0]))]

    def negate(self, parts: Parts) -> list[tree.Op]:
        return [*parts[0], tree.Op("negate", parts[0][-1].span)]
