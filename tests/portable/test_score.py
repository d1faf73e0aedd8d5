"""Scores from outside are decoded, or refused with a named error; nothing else."""

from amos.protocol.cbor import Tag, dumps, loads
from amos.score.expression import ADD, CONST, LESS, MULTIPLY, NEGATE, ONE, SLIDER, VALUE_MAX, evaluate, fault
from amos.score.score import ScoreError, decode_score


def words(*numbers):
    """An expression as it stands in a score."""
    return Tag(78, b"".join([(number & 0xFFFFFFFF).to_bytes(4, "little") for number in numbers]))


def indexes(*numbers):
    return Tag(69, b"".join([number.to_bytes(2, "little") for number in numbers]))


def longs(*numbers):
    return Tag(70, b"".join([number.to_bytes(4, "little") for number in numbers]))


def layer(lane, pool, **changes):
    fields = {"role": 1, "count_min": 4, "count_max": 5, "grid": 6, "enter": 7, "gain": 8, "fade": 9, "chance": 10}
    fields.update({"cue": 11, "tail": 12, "linear": 13, "role": 1, "rings": 14, "themed": 15, "when": 16, "shifts": 17})
    fields.update({"level": 20, "rise": 21, "ticks": 25, "strokes": 26, "once": 27, "until": 28, "shape": 29})
    result = {1: 3, 2: pool, 3: lane, 4: 1, 5: 1, 6: 4, 7: 0, 8: 32768, 9: 0}
    for name in changes:
        result[fields[name]] = changes[name]
    return result


def follow(section, weight=ONE, when=None, after=None):
    result = {1: section, 2: words(CONST, weight)}
    if when is not None:
        result[3] = when
    if after is not None:
        result[4] = after
    return result


def section(name, bars_min, bars_max, layers, nexts, step=None, themes=None, exclusive=None, tempo=None):
    result = {1: name, 2: bars_min, 3: bars_max, 4: layers, 5: nexts}
    if step is not None:
        result[6] = step
    if themes is not None:
        result[7] = themes
    if exclusive is not None:
        result[8] = exclusive
    if tempo is not None:
        result[9] = tempo
    return result


def score_map(**changes):
    """Three sections over two pools of three and four stems, 120 bpm at 48 kHz: a beat is 24,000 frames."""
    sections = [
        section("drift", 4, 8, [layer(1, 0, fade=48000), layer(2, 1)], [follow(0), follow(1), follow(2)]),
        section("bloom", 4, 4, [layer(1, 0, fade=48000), layer(2, 1, count_max=2)], [follow(0), follow(2)]),
        section("rest", 2, 3, [layer(3, 1, chance=words(SLIDER, 0))], [follow(0)]),
    ]
    names = {
        "version": 1,
        "rate": 3,
        "tempo": 4,
        "voices": 6,
        "stems": 7,
        "pools": 13,
        "sections": 14,
        "transitions": 15,
        "sliders": 12,
        "fixed_seed": 16,
        "stem_plays": 17,
        "stem_seconds": 18,
        "artist_plays": 19,
        "keep_history": 20,
        "relax": 21,
        "artists": 22,
        "reactions": 23,
        "dayparts": 24,
        "announcements": 25,
        "duck_gain": 26,
        "duck_ramp": 27,
        "renders": 28,
        "beats": 29,
        "themes": 30,
        "exclusive": 31,
        "shifts": 32,
        "variants": 33,
        "pickups": 40,
        "day_sections": 44,
        "day_volumes": 45,
        "seams": 46,
        "day_sliders": 47,
    }
    result = {
        1: 1,
        2: "test",
        3: 48000,
        4: 120_000,
        5: 4,
        6: 8,
        7: 7,
        8: -23000,
        9: -1000,
        10: 64,
        11: 256,
        12: [{1: "calm", 2: 0, 3: ONE, 4: ONE // 2}],
        13: [{1: indexes(0, 1, 2)}, {1: indexes(3, 4, 5, 6)}],
        14: sections,
        15: [{1: 0, 2: 0, 3: 96000, 4: 24000}],
    }
    for name in changes:
        result[names[name]] = changes[name]
    return result


def refused(item):
    """The message of the `ScoreError` for this map."""
    try:
        decode_score(dumps(item))
    except ScoreError as error:
        return str(error)
    raise AssertionError("expected a ScoreError")


def struck(layers=1, version=1, **changes):
    """Changes for a score of so many layers that strike at the first and second sixteenth."""
    fields = {"ticks": 16, "strokes": indexes(0, 1)}
    fields.update(changes)
    fields = {name: fields[name] for name in fields if fields[name] is not None}
    lanes = [layer(lane, 0, **fields) for lane in range(layers)]
    return {"version": version, "voices": 32, "sections": [section("a", 5, 7, lanes, [])]}


def twice(minute, later, version=2):
    """Changes for a score with an announcement at two minutes of the day."""
    item = {1: "a", 4: 255, 5: True, 6: True, 7: 32768, 8: 1, 9: indexes(later)}
    if minute is not None:
        item[3] = minute
    return {"version": version, "announcements": [item]}


def test_decodes_a_score():
    score = decode_score(dumps(score_map()))
    assert score.rate_hz == 48000 and len(score.sections) == 3 and len(score.sha256) == 32
    assert list(score.pools[1].stems) == [3, 4, 5, 6]
    assert score.sections[0].layers[0].chance is None
    assert score.sections[0].voices() == 3
    assert score.encode() == dumps(score_map())


def test_refuses_by_name():
    rest = section("rest", 2, 3, [layer(3, 9)], [])
    faster = [section("a", 4, 4, [layer(1, 0)], [follow(1)]), section("b", 4, 4, [layer(1, 1)], [], tempo=240_000)]
    hasty = [section("a", 5, 7, [layer(1, 0, ticks=16, strokes=indexes(0, 1))], [], tempo=400_000)]
    shapes = [[section("a", 5, 7, [layer(1, 0, shape=indexes(*shape))], [])] for shape in (
        (32768, 32768, 32768, 32768), (32767, 0, 32768, 32768, 1), (8191, 32768, 32768, 32768, 1),
        (32768, 0, 32767, 0, 1), (32768, 0, 32768, 32769, 1), (32768, 0, 32768, 0, 32768))]  # fmt: skip
    sung = [section("a", 5, 7, [layer(1, 0, role=7)], [])]
    waits = [section("a", 5, 7, [layer(1, 0, when=words(0, 39, 1, 39, 9))], [])]
    waits_not = [section("a", 5, 7, [layer(1, 0, when=words(0, 1, 0, 39, 9))], [])]
    cases = (
        ({"version": 0}, "version: expected 1 to 4, found 0"),
        ({"version": 5}, "version: expected 1 to 4, found 5"),
        ({"version": 4}, "version: expected 1 with these fields, found 4"),
        ({"version": 4, "beats": indexes(1, 1, 1, 1, 1, 1, 1), "seams": True}, "version: expected 3 with these fields"),
        ({"version": 3, "day_sliders": indexes(255, 0, 60, 0, 0, 0)}, "version: expected 4 with these fields, found 3"),
        ({"version": 3}, "version: expected 1 with these fields, found 3"),
        ({"version": 3, "beats": indexes(1, 1, 1, 1, 1, 1, 1)}, "version: expected 2 with these fields, found 3"),
        ({"version": 2, "beats": indexes(1, 1, 1, 1, 1, 1, 1), "seams": True}, "version: expected 3 with these fields"),
        ({"version": 2, "sections": shapes[1]}, "version: expected 3 with these fields, found 2"),
        ({"version": 3, "sections": shapes[0]}, "section a: shape: expected 5 numbers, found 4"),
        ({"version": 3, "sections": shapes[1]}, "section a: shape: expected the greater of middle and side"),
        ({"version": 3, "sections": shapes[2]}, "section a: shape: expected the greater of middle and side"),
        ({"version": 3, "sections": shapes[3]}, "section a: shape: expected the greater of middle and side"),
        ({"version": 3, "sections": shapes[4]}, "section a: shape: expected the greater of middle and side"),
        ({"version": 3, "sections": shapes[5]}, "section a: shape: expected the greater of middle and side"),
        ({"sections": sung}, "version: expected 3 with these fields, found 1"),
        ({"version": 2, "exclusive": [0b10000010]}, "version: expected 3 with these fields, found 2"),
        ({"version": 2, "sections": waits}, "version: expected 3 with these fields, found 2"),
        ({"version": 3, "sections": waits_not}, "version: expected 2 with these fields, found 3"),
        ({"version": 3, "sections": [section("a", 5, 7, [layer(1, 0, role=8)], [])]}, "role"),
        ({"version": 3, "seams": True}, "seams: expected with beats of stems"),
        ({"version": 2}, "version: expected 1 with these fields, found 2"),
        ({"version": 2, "beats": indexes(1)}, "beats: expected 7, found 1"),
        ({"beats": indexes(1, 1, 1, 1, 1, 1, 1)}, "version: expected 2 with these fields, found 1"),
        ({"sections": [section("a", 2, 2, [layer(1, 0, rings=True)], [])]}, "version: expected 2 with these fields"),
        ({"sections": [section("a", 2, 2, [], [], 2)]}, "version: expected 2 with these fields"),
        ({"version": 2, "pickups": longs(1)}, "pickups: expected 7, found 1"),
        ({"version": 2, "pickups": longs(*[0] * 6 + [(1 << 24) + 1])}, "pickups: expected at most 16777216 frames"),
        ({"pickups": longs(*[0] * 7)}, "version: expected 2 with these fields, found 1"),
        (struck(version=2, once=True), "strokes: expected no fade, no tail, no once"),
        ({"sections": [section("a", 5, 7, [layer(1, 0, enter=8, until=8)], [])]}, "until_beats: expected more than"),
        ({"sections": [section("a", 5, 7, [layer(1, 0, until=8)], [])]}, "version: expected 2"),
        ({"sections": [section("a", 5, 7, [], [follow(0, after=1)])]}, "version: expected 2"),
        (twice(600, 630, version=1), "version: expected 2 with these fields"),
        (twice(600, 600), "more_minutes: expected ascending, after minute and below 1440"),
        (twice(600, 1440), "more_minutes: expected ascending"),
        (twice(None, 630), "more_minutes: expected ascending"),
        (struck(), "version: expected 2 with these fields, found 1"),
        (struck(version=2, ticks=None), "strokes: expected at least one, and below ticks"),
        (struck(version=2, strokes=None), "ticks: expected with strokes"),
        (struck(version=2, strokes=indexes()), "strokes: expected at least one"),
        (struck(version=2, strokes=indexes(2, 2)), "strokes: expected ascending"),
        (struck(version=2, strokes=indexes(3, 16)), "strokes: expected at least one, and below ticks"),
        (struck(version=2, fade=1), "strokes: expected no fade, no tail, no once and one count"),
        (struck(version=2, tail=1), "strokes: expected no fade, no tail, no once and one count"),
        (struck(version=2, count_max=2), "strokes: expected no fade, no tail, no once and one count"),
        (struck(version=2, ticks=60), "strokes: expected 2048 frames from one to the next, found 1600"),
        (struck(version=2, strokes=indexes(*range(129))), "strokes"),
        (struck(5, version=2), "section a: strokes: expected at most 40 in a second, found 45"),
        ({"sections": [section("a", 5, 7, [], [], 4)]}, "step_bars: expected a multiple from min to max"),
        ({"sections": [section("a", 5, 7, [], [], 0)]}, "step_bars"),
        ({"sections": [section("a", 2, 2, [layer(1, 0, level=words(CONST, 0))], [])]}, "version: expected 2 with"),
        (
            {"version": 2, "sections": [section("a", 2, 2, [layer(1, 0, level=words(SLIDER, 1))], [])]},
            "level: unknown slider",
        ),
        (
            {"version": 2, "sections": [section("a", 2, 2, [layer(1, 0, level=words(SLIDER, 2), rise=9)], [])]},
            "level: unknown",
        ),
        (
            {"version": 2, "sections": [section("a", 2, 2, [layer(1, 0, level=words(), rise=9)], [])]},
            "level: 1 to 64 words",
        ),
        (
            {"version": 2, "sections": [section("a", 2, 2, [layer(1, 0, rise=9)], [])]},
            "rise_frames: expected with a level",
        ),
        (
            {"version": 2, "sections": [section("a", 2, 2, [layer(1, 0, level=words(SLIDER, 1), rise=0)], [])]},
            "rise_frames",
        ),
        ({"variants": indexes(0, 0, 2, 3, 4, 5, 6)}, "version: expected 2"),
        ({"version": 2, "variants": indexes(0, 0)}, "variants: expected 7, found 2"),
        ({"version": 2, "variants": indexes(0, 0, 1, 3, 4, 5, 6)}, "as the one before"),
        ({"version": 2, "variants": indexes(1, 1, 2, 3, 4, 5, 6)}, "as the one before"),
        ({"version": 2, "variants": indexes(0, 1, 1, 1, 0, 5, 6)}, "as the one before"),
        ({"pools": [{1: indexes(0)}, {1: indexes(1), 4: 0}]}, "version: expected 2"),
        ({"version": 2, "pools": [{1: indexes(0), 4: 0}, {1: indexes(1)}]}, "same_as"),
        ({"version": 2, "pools": [{1: indexes(0)}, {1: indexes(1), 4: 0}, {1: indexes(2), 4: 1}]}, "same_as"),
        ({"sections": [section("a", 1, 1, [], [], tempo=90_000)]}, "version: expected 2"),
        ({"version": 2, "sections": [section("a", 1, 1, [], [], tempo=19_999)]}, "tempo_mbpm: expected at least 20000"),
        ({"version": 2, "sections": [section("a", 1, 1, [], [], tempo=400_001)]}, "tempo_mbpm"),
        (
            {"version": 2, "sections": faster, "transitions": [{1: 0, 2: 0, 3: 192_001, 4: 0}]},
            "section b: expected to outlast",
        ),
        ({"version": 2, "sections": hasty}, "strokes: expected 2048 frames from one to the next, found 1800"),
        ({"rate": 96000}, "rate_hz"),
        ({"tempo": 1}, "tempo"),
        ({"voices": 2}, "voices"),
        ({"voices": 3}, "found 4"),
        ({"voices": 4}, "together"),
        ({"stems": 6}, "stems below 6"),
        ({"pools": [{1: indexes(0)}, {1: indexes()}]}, "at least one"),
        ({"pools": [{1: indexes(1, 0)}]}, "ascending"),
        ({"sections": []}, "sections"),
        ({"sections": [rest]}, "pool: expected below 2"),
        ({"sections": [section("a", 3, 2, [], [])]}, "bars"),
        ({"sections": [section("a", 1, 1, [layer(1, 0), layer(1, 0)], [])]}, "lanes"),
        ({"sections": [section("a", 1, 1, [layer(1, 0, count_max=0)], [])]}, "count"),
        ({"sections": [section("a", 1, 1, [layer(1, 0, grid=0)], [])]}, "grid_beats"),
        ({"sections": [section("a", 1, 1, [layer(1, 0, chance=words(SLIDER, 1))], [])]}, "unknown slider"),
        ({"sections": [section("a", 1, 1, [], [follow(1)])]}, "next"),
        ({"sections": [section("a", 1, 1, [], [follow(0, 1, words(CONST))])]}, "argument missing"),
        ({"transitions": [{1: 1, 2: 0, 3: 0, 4: 0}]}, "cover any step"),
        ({"transitions": [{1: 0, 2: 0, 3: 48000 * 60, 4: 0}]}, "outlast"),
    )
    for changes, expected in cases:
        message = refused(score_map(**changes))
        assert expected in message, (changes, message)


def test_a_version_to_come_is_named_before_its_fields():
    item = score_map(version=5)
    item[99] = 1
    assert refused(item) == "version: expected 1 to 4, found 5"
    del item[1]
    assert refused(item) == "version: expected 1 to 4, found None"


def test_any_flipped_or_missing_byte_is_a_score_error_or_a_score():
    good = dumps(score_map())
    decoded = 0
    for at in range(0, len(good), 3):
        for bad in (good[:at], good[:at] + bytes((good[at] ^ 0x41,)) + good[at + 1 :]):
            try:
                decode_score(bad)
                decoded += 1
            except ScoreError:
                pass
    assert decoded < len(good) // 2


def test_refuses_what_is_too_long():
    try:
        decode_score(bytes(65537))
    except ScoreError as error:
        assert "65536" in str(error)
    else:
        raise AssertionError("expected a ScoreError")
    assert loads(dumps(score_map())) is not None


def test_expressions():
    half = ONE // 2
    assert evaluate([CONST, 6554, CONST, 19661, SLIDER, 0, MULTIPLY, ADD], [half]) == 6554 + (19661 * half >> 15)
    assert evaluate([SLIDER, 0, CONST, half, LESS], [half - 1]) == ONE
    assert evaluate([CONST, VALUE_MAX, CONST, VALUE_MAX, MULTIPLY, NEGATE], []) == -VALUE_MAX
    assert fault([CONST, 1, CONST], 0) and fault([ADD], 0) and fault([CONST, 1, CONST, 1], 0) and fault([99], 0)
    assert fault([CONST, 0] * 17 + [ADD] * 16, 0) and fault([], 0) and not fault([CONST, 0] * 16 + [ADD] * 15, 0)
