"""Scores, packs and rules of any kind that `decode_score` lets through."""

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from amos.protocol.cbor import dumps
from amos.score.score import Score, ScoreError, decode_score
from test_score import follow, indexes, layer, longs, score_map, section, words
from test_vm import announced

BEAT = 24000
STEMS = 7
SLOWEST_MBPM = 60_000
BEAT_MAX = 2 * BEAT
"""In the slowest section."""
END = 240 * BEAT
LENGTHS = st.one_of(
    st.integers(1, 200),
    st.integers(1, 70).flatmap(lambda beats: st.integers(-300, 300).map(lambda off: max(1, beats * BEAT + off))),
    st.integers(1, 2_000_000),
)
FADES = st.sampled_from([0, 0, 1, 100, BEAT // 2, BEAT, 4 * BEAT, 20 * BEAT])


@st.composite
def strokes(draw: Any, count: int) -> dict[str, Any]:
    """What makes a layer a pattern: a few strokes, at the fastest 2,250 frames apart."""
    ticks = draw(st.sampled_from([1, 5, 8, 16, 100]))
    grid = draw(st.sampled_from([2, 3, 4]))
    far = -(-2250 * ticks // (grid * BEAT))
    found = sorted({at // far * far for at in draw(st.lists(st.integers(0, ticks - far), min_size=1, max_size=5))})
    return {"ticks": ticks, "strokes": indexes(*found), "grid": grid, "fade": 0, "count_min": count}


@st.composite
def layers(
    draw: Any, lane: int, rings: bool = False, themed: bool = False, ensemble: bool = False, shifted: bool = False
) -> dict[int, Any]:
    low = draw(st.integers(0, 2))
    changes = {
        "count_min": low,
        "count_max": draw(st.integers(max(1, low), 3)),
        "grid": draw(st.sampled_from([1, 3, 4, 8, 16])),
        "enter": draw(st.sampled_from([0, 0, 1, 4, 40])),
        "gain": draw(st.integers(0, 32768)),
    }
    overlap = draw(st.sampled_from(["fade", "tail"]))
    changes["fade"] = 0
    changes[overlap] = draw(FADES)
    if draw(st.booleans()):
        changes["cue"] = draw(FADES)
        changes["linear"] = draw(st.booleans())
    if draw(st.booleans()):
        changes["chance"] = draw(st.sampled_from([words(0, 16384), words(1, 0), words(0, 0)]))
    if rings and draw(st.booleans()):
        changes["rings"] = draw(st.booleans())
    if ensemble and draw(st.booleans()):
        changes["when"] = words(1, draw(st.sampled_from([0, 32, 34, 35, 36])), *draw(st.sampled_from([(), (11,)])))
    if shifted and draw(st.booleans()):
        changes["shifts"] = 0
    if rings and draw(st.booleans()):
        changes["once"] = draw(st.booleans())
    if rings and draw(st.booleans()):
        changes["until"] = changes["enter"] + draw(st.sampled_from([1, 4, 9]))
    if themed and draw(st.booleans()):
        changes["themed"] = True
    changes["role"] = draw(st.integers(2, 4)) if ensemble else 3
    if rings and draw(st.booleans()):
        changes |= draw(strokes(changes["count_max"]))
        changes.pop("tail", None)
        changes.pop("once", None)
    if rings and draw(st.booleans()):
        # -6 dB and up to 12 more by a slider that moves; and as much by the time since the layer's entry.
        changes["level"] = words(0, -6 << 15, 1, 0, 0, 12 << 15, 4, 2)
        if draw(st.booleans()):
            changes["rise"] = draw(st.sampled_from([1, 100, 3 * BEAT + 1, 40 * BEAT]))
            changes["level"] = words(0, -12 << 15, 1, 1, 0, 12 << 15, 4, 2)
    if rings and draw(st.booleans()):
        changes["shape"] = indexes(32768, draw(st.sampled_from([0, 20000])), 32768, 9000, draw(st.integers(0, 32767)))
    return layer(lane, draw(st.integers(0, 1)), **changes)


@st.composite
def transitions(draw: Any, count: int, fade_max: int) -> list[dict[int, Any]]:
    found = []
    for before, after in draw(st.lists(st.tuples(st.integers(0, count), st.integers(0, count)), max_size=3)):
        rule: dict[int, Any] = {1: before, 2: after, 3: min(draw(FADES), fade_max), 4: draw(FADES)}
        rule[5] = draw(st.integers(0, 3))
        if draw(st.booleans()):
            rule[6] = draw(st.integers(0, count))
        rule[7] = draw(st.booleans())
        found.append(rule)
    return [*found, {1: 0, 2: 0, 3: min(draw(FADES), fade_max), 4: draw(FADES), 5: draw(st.integers(0, 3))}]


@st.composite
def rules(draw: Any) -> dict[str, Any]:
    """Any choice of the rules beside the sections."""
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        found["stem_plays"] = draw(st.integers(0, 5))
        found["stem_seconds"] = draw(st.integers(0, 60))
        found["artist_plays"] = draw(st.integers(0, 3))
        found["relax"] = draw(st.lists(st.integers(0, 4), unique=True))
        found["keep_history"] = draw(st.booleans())
        found["artists"] = indexes(0, 0, 1, 1, 2, 0, 1)
    if draw(st.booleans()):
        kinds = draw(st.lists(st.integers(0, 3), unique=True, max_size=4))
        found["reactions"] = [
            {1: kind, 2: draw(st.integers(1, 1024)), 3: draw(st.integers(0, 3)), 4: draw(st.integers(0, 2))}
            for kind in kinds
        ]
    if draw(st.booleans()):
        found["sliders"] = [{1: "calm", 2: 0, 3: 32768, 4: 16384, 5: draw(st.booleans()), 6: draw(FADES)}]
        found["dayparts"] = [
            {1: draw(st.integers(0, 255)), 2: 0, 3: 1, 4: 0, 5: 32768},
            {1: draw(st.integers(0, 255)), 2: 1, 3: 1440, 4: 0, 5: 0},
        ]
    if draw(st.booleans()):
        stem = draw(st.sampled_from([None, 6]))
        found["announcements"] = [
            announced("a", stem, draw(st.sampled_from([None, 0, 1])), exact=draw(st.booleans())),
            announced("b", stem, 1),
        ]
        found["duck_gain"] = draw(st.integers(0, 32768))
        found["duck_ramp"] = draw(FADES)
    return found


@st.composite
def score_documents(draw: Any) -> bytes:
    """Up to four sections over two pools; 32 voices, so that few are refused for their budget."""
    count = draw(st.integers(1, 4))
    loops = draw(st.booleans())
    themes = draw(st.lists(st.lists(st.integers(0, STEMS - 1), min_size=1, unique=True), max_size=3))
    ensemble = draw(st.booleans())
    shifted = loops and draw(st.booleans())
    turning = draw(st.booleans())
    excluding = st.lists(st.sampled_from([0b1100, 0b11000, 0b10100, 0b11100]), min_size=1, max_size=2)
    sections = []
    for number in range(count):
        lanes = draw(st.lists(st.integers(1, 4), max_size=3, unique=True))
        bars = draw(st.integers(1, 6))
        nexts = draw(st.lists(st.integers(0, count - 1), max_size=count, unique=True))
        own = draw(st.lists(st.integers(0, len(themes) - 1), unique=True)) if themes else []
        visits = st.sampled_from([None, 1, 2, 5]) if loops else st.none()
        when = st.sampled_from([None, words(1, 0, 0, 16384, 6)])
        sections.append(
            section(
                f"s{number}",
                bars,
                bars + draw(st.integers(0, 4)),
                [draw(layers(lane, loops, bool(own), ensemble, shifted)) for lane in lanes],
                [follow(after, draw(st.integers(0, 3)), draw(when), draw(visits)) for after in nexts],
                draw(st.sampled_from([None, 1, bars])) if loops else None,
                own or None,
                draw(st.none() | excluding) if ensemble else None,
                draw(st.sampled_from([None, 120_000, 97_310, SLOWEST_MBPM])) if turning else None,
            )
        )
    shortest = min(item[2] for item in sections) * 4 * BEAT
    pools = [{1: indexes(*range(draw(st.integers(1, 4))))}, {1: indexes(*range(3, 3 + draw(st.integers(1, 4))))}]
    if draw(st.booleans()):
        pools[0][2] = indexes(5)
        pools[0][3] = indexes(6)
    rules_drawn = draw(rules())
    if loops:
        beats = st.sampled_from([0, 1, 3, 4, 7, 8, 16, 32, 600])
        rules_drawn |= {"version": 2, "beats": indexes(*draw(st.lists(beats, min_size=STEMS, max_size=STEMS)))}
    if shifted:
        turns = draw(st.lists(st.integers(0, 40), min_size=STEMS, max_size=STEMS))
        rules_drawn |= {"shifts": [{1: indexes(*range(STEMS)), 2: indexes(*turns)}]}
    if ensemble:
        rules_drawn |= {"version": 2, "exclusive": draw(excluding)}
    if draw(st.booleans()):
        pickups = st.sampled_from([0, 0, 100, BEAT // 2, BEAT, 5 * BEAT])
        rules_drawn |= {"version": 2, "pickups": longs(*draw(st.lists(pickups, min_size=STEMS, max_size=STEMS)))}
    if draw(st.booleans()):
        rules_drawn |= {"version": 2, "variants": indexes(0, 1, 1, 3, 3, 3, 6)}
        pools[1][4] = 0
    if any(9 in item for item in sections):
        rules_drawn["version"] = 2
    if loops and "announcements" in rules_drawn:
        rules_drawn["announcements"][1][9] = indexes(2, 3)
    if draw(st.booleans()):
        led = st.integers(0, count - 1)
        rules_drawn |= {"version": 2, "day_sections": indexes(255, 0, 1, draw(led), 127, 2, 1440, draw(led))}
    if draw(st.booleans()):
        down = [draw(st.sampled_from([0, 30, 600, 9600])) for _ in range(3)]
        rows = [127, 0, 1, down[0], down[1], 255, 0, 3, down[1], down[1], 255, 3, 1440, down[2], down[0]]
        rules_drawn |= {"version": 2, "day_volumes": indexes(*rows)}
    if themes:
        rules_drawn |= {"version": 2, "themes": [{1: indexes(*sorted(theme))} for theme in themes]}
    if loops and draw(st.booleans()):
        rules_drawn |= {"version": 3, "seams": draw(st.booleans())}
    if any(29 in item for part in sections for item in part[4]):
        rules_drawn["version"] = 3
    if draw(st.booleans()):
        one, other = [draw(st.sampled_from([0, 1, 9999, 32768])) for _ in range(2)]
        rows = [1, 1, 3, 0, one, other, 255, 2, 3, 0, other, 0, 127, 3, 1443, 0, other, one]
        rules_drawn |= {"version": 4, "day_sliders": indexes(*rows)}
    steps = draw(transitions(count, shortest))
    item = score_map(voices=32, sections=sections, transitions=steps, pools=pools, **rules_drawn)
    data = dumps(item)
    try:
        decode_score(data)
        return data
    except ScoreError as error:
        assert "voices" in str(error) or "in a second" in str(error)
        assume(False)
        raise


def scores() -> st.SearchStrategy[Score]:
    """The same, decoded."""
    return score_documents().map(decode_score)
