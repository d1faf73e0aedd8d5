"""What pictures of a run share: a canvas that grows downwards over one axis of time, strips, ticks. SVG 1.1 by hand.

Everything is placed by frames of the run; the canvas shows those from `first` to `until`.
"""

from collections.abc import Callable, Iterable, Sequence
from html import escape

from amos_tools.pack.profile import Profile
from amos_tools.simulate.loudness import LoudnessCurve
from amos_tools.simulate.marks import Mark, Span

LEFT, RIGHT, TOP = 190, 24, 62
WIDTH = 1200
"""Pixels of what is shown."""
GAP, STRIP, CURVE, LOUDNESS = 8, 16, 40, 72
ROLE_COLOURS = ("#c2410c", "#7c3aed", "#0f766e", "#1d4ed8", "#b45309", "#be185d", "#4b5563", "#15803d")
SECTION_COLOURS = ("#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51", "#8ab17d", "#6d6875", "#b5838d", "#577590")
DAYPART_COLOUR, ANNOUNCED_COLOUR, INPUT_COLOUR = "#64748b", "#a16207", "#b91c1c"
LETTER = 5.8
"""Pixels of a letter of the small text, a little more than the mean."""
STRIP_ROWS_MAX = 6
_TICKS_S = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400, 604800)
_TICKS_MAX = 26
_LOUDNESS_BELOW, _LOUDNESS_ABOVE, _LOUDNESS_STEP = 24, 6, 6
_STYLE = (
    "text{font:11px system-ui,'Segoe UI','DejaVu Sans',sans-serif;fill:#222}.small{font-size:10px;fill:#555}"
    ".title{font-size:16px;font-weight:600}.grid{stroke:#000;stroke-opacity:.12}.label{text-anchor:end}"
    ".on{font-size:10px;fill:#fff}"
)


class Canvas:
    """`y`: where the next strip goes. `from_second`: the time of day at frame 0; None: times count from 0.

    `width` is in pixels, of what is shown.
    """

    def __init__(self, first: int, until: int, rate_hz: int, from_second: int | None, width: int = WIDTH) -> None:
        self.y = TOP
        self.width = width
        self.body: list[str] = []
        self.first = first
        self.until = until
        self._rate_hz = rate_hz
        self._from_second = from_second

    def x(self, frame: int) -> float:
        """Pixels from the left."""
        return LEFT + self.width * (frame - self.first) / (self.until - self.first)

    def add(self, element: str) -> None:
        """Draw an element."""
        self.body.append(element)

    def label(self, text: str, y: float, kind: str = "label") -> None:
        """What a strip is, left of it."""
        self.add(f'<text x="{LEFT - 8}" y="{y:g}" class="{kind}">{escape(text)}</text>')

    def spans(self, name: str, spans: Sequence[Span], colour: str) -> None:
        """A strip of what lasts, each in the first row where it has room with its name."""
        self._strip(name, [(span.first, span.until, span.text) for span in spans], colour, self._span)

    def marks(self, name: str, marks: Sequence[Mark], colour: str) -> None:
        """A strip of what happens at a frame, in as many rows as the words need, up to `STRIP_ROWS_MAX`."""
        self._strip(name, [(mark.frame, mark.frame, mark.text) for mark in marks], colour, self._mark)

    def loudness(self, curve: LoudnessCurve, target_lufs: float) -> None:
        """From 24 LU below the script's target to 6 above it, with the target as the volume turns it down."""
        top, low, high = self.y, target_lufs - _LOUDNESS_BELOW, target_lufs + _LOUDNESS_ABOVE

        def height(lufs: float) -> float:
            return round(top + LOUDNESS * (high - min(max(lufs, low), high)) / (high - low), 1)

        self.label("loudness", top + 12)
        self.label("LUFS", top + 25, "label small")
        self.add(
            f'<rect x="{LEFT}" y="{top}" width="{self.width}" height="{LOUDNESS}" fill="#000" fill-opacity=".03"/>'
        )
        for step in range(-_LOUDNESS_BELOW, _LOUDNESS_ABOVE + 1, 2 * _LOUDNESS_STEP):
            at = height(target_lufs + step)
            self.add(f'<path d="M{LEFT} {at:g}h{self.width}" class="grid"/>')
            self.add(f'<text x="{LEFT + self.width + 3}" y="{at + 3.5:g}" class="small">{target_lufs + step:g}</text>')
        step_px = self.width / len(curve.lufs)

        def points_of(values: Profile) -> str:
            return " ".join(f"{LEFT + step_px * (n + 0.5):.6g},{height(lufs):g}" for n, lufs in enumerate(values))

        points = points_of(curve.lufs)
        floor = top + LOUDNESS
        left, right = LEFT + step_px / 2, LEFT + self.width - step_px / 2
        self.add(
            f'<polygon points="{left:.6g},{floor} {points} {right:.6g},{floor}" fill="#0f766e" fill-opacity=".14"/>'
        )
        self.add(f'<polyline points="{points}" fill="none" stroke="#0f766e" stroke-width="1.2"/>')
        self.add(
            f'<polyline points="{points_of(curve.target_lufs)}" fill="none" stroke="#000" stroke-opacity=".5" '
            'stroke-dasharray="5 4"><title>target</title></polyline>'
        )
        self.y += LOUDNESS + GAP

    def ticks(self) -> None:
        """Times, and a line for each over everything drawn."""
        seconds = (self.until - self.first) / self._rate_hz
        every = next((tick for tick in _TICKS_S if seconds / tick <= _TICKS_MAX), round(seconds / _TICKS_MAX) or 1)
        begin = self.first / self._rate_hz + (self._from_second or 0)
        second = int(-(-begin // every)) * every
        while second <= begin + seconds:
            x = LEFT + self.width * (second - begin) / seconds
            self.add(f'<path d="M{x:.1f} {TOP}V{self.y}" class="grid"/>')
            text = _length(second, every) if self._from_second is None else time_of_day(second % 86_400, every)
            self.add(f'<text x="{x:.1f}" y="{self.y + 12}" class="small" text-anchor="middle">{text}</text>')
            second += every
        self.y += 26

    def legend(self, items: Iterable[tuple[str, str]]) -> None:
        """(colour, text) of each."""
        x, y = LEFT, self.y
        for colour, text in items:
            step = 24 + 7 * len(text)
            if x + step > LEFT + self.width + RIGHT and x > LEFT:
                x, y = LEFT, y + 18
            self.add(f'<rect x="{x}" y="{y}" width="11" height="11" fill="{colour}"/>')
            self.add(f'<text x="{x + 15}" y="{y + 10}">{escape(text)}</text>')
            x += step
        self.y = y + 28

    def document(self, title: str, subtitle: str) -> str:
        """The whole as one SVG document."""
        width = LEFT + self.width + RIGHT
        head = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{self.y}" '
            f'viewBox="0 0 {width} {self.y}">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style>",
            f'<rect width="{width}" height="{self.y}" fill="#fff"/>',
            f'<text x="20" y="26" class="title">{escape(title)}</text>',
            f'<text x="20" y="44" class="small">{escape(subtitle)}</text>',
        ]
        return "\n".join([*head, *self.body, "</svg>", ""])

    def _strip(
        self,
        name: str,
        items: Sequence[tuple[int, int, str]],
        colour: str,
        draw: Callable[[float, float, float, str, str, bool], None],
    ) -> None:
        shown = [item for item in items if item[0] <= self.until and item[1] >= self.first]
        if not shown:
            return
        self.label(name, self.y + STRIP - 4)
        ends: list[float] = []
        for first, until, text in sorted(shown):
            left, right = max(self.x(first), LEFT), min(self.x(until), LEFT + self.width)
            words = left + 14 + LETTER * len(text)
            row = next((row for row, end in enumerate(ends) if end <= left), len(ends))
            fits = row < STRIP_ROWS_MAX and words <= LEFT + self.width + RIGHT
            row = min(row, STRIP_ROWS_MAX - 1)
            ends += [0.0] * (row + 1 - len(ends))
            ends[row] = max(ends[row], right + 1, words if fits else 0)
            draw(left, right, self.y + STRIP * row, text, colour, fits)
        self.y += STRIP * len(ends) + GAP

    def _span(self, left: float, right: float, y: float, text: str, colour: str, fits: bool) -> None:
        wide = max(right - left, 1.5)
        self.add(
            f'<rect x="{left:.1f}" y="{y}" width="{wide:.1f}" height="{STRIP - 2}" rx="2" fill="{colour}" '
            f'fill-opacity=".22"><title>{escape(text)}</title></rect>'
            f'<path d="M{left:.1f} {y}v{STRIP - 2}" stroke="{colour}" stroke-width="1.5"/>'
        )
        if fits:
            self.add(f'<text x="{left + 5:.1f}" y="{y + 11}" class="small">{escape(text)}</text>')

    def _mark(self, left: float, _right: float, y: float, text: str, colour: str, fits: bool) -> None:
        self.add(f'<path d="M{left - 4:.1f} {y + 2}h8l-4 9z" fill="{colour}"><title>{escape(text)}</title></path>')
        if fits:
            self.add(f'<text x="{left + 7:.1f}" y="{y + 11}" class="small">{escape(text)}</text>')


def time_of_day(second: int, every: int) -> str:
    """Of a tick every so many seconds."""
    text = f"{second // 3600:02}:{second // 60 % 60:02}"
    return f"{text}:{second % 60:02}" if every < 60 else text


def _length(seconds: int, every: int) -> str:
    """Time since the start."""
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if every >= 3600:
        return f"{hours} h"
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if every < 60 else f"{hours}:{minutes:02}"
