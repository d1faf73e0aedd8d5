"""How long to wait before the next try. Pure: jitter is passed in."""


def back_off_ms(bounds: tuple[int, int], attempt: int, jitter_permille: int) -> int:
    """The wait after `attempt` tries (1, 2, ...): doubled each time up to the longest, then 50 to 100 % by jitter."""
    first, longest = bounds
    wait = min(first << min(attempt - 1, 30), longest)
    return wait // 2 + wait * jitter_permille // 2000
