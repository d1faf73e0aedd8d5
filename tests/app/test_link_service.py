"""How long a player serves its link between two blocks: by a clock that only requests move."""

import pytest

from amos.link_service import LinkService


class Venue:
    """A port with `requests` that wait, each of which takes so many milliseconds; and all that the service asks for."""

    def __init__(self, *requests: int) -> None:
        self.requests = list(requests)
        self.served = self.ms = self.tidied = 0
        self.packs = self
        self.busy = self.is_taking = False

    def now_ms(self) -> int:
        return self.ms

    def tidy(self) -> None:
        self.tidied += 1

    def poll(self, _link: object, timeout_ms: int) -> bool:
        if not self.requests:
            self.ms += timeout_ms
            return False
        self.ms += self.requests.pop(0)
        self.served += 1
        return True


def served(venue: Venue, blocks: int, most_ms: int) -> list[int]:
    """Requests served after each of so many blocks."""
    service, counts = LinkService(venue, venue, None, venue), []
    for _block in range(blocks):
        before = venue.served
        service.serve_between_blocks(venue, most_ms)
        counts.append(venue.served - before)
    assert venue.tidied == blocks
    return counts


def test_however_many_requests_wait_play_has_its_share_of_the_time() -> None:
    assert served(Venue(*[1] * 1000), 5, 10) == [10] * 5
    assert served(Venue(*[4] * 1000), 4, 10) == [3, 2, 3, 2], "what went beyond is made up for"


def test_a_request_that_takes_the_time_of_many_blocks_is_followed_by_as_many_without() -> None:
    venue = Venue(*[100] * 1000)
    assert served(venue, 40, 10) == ([1] + [0] * 9) * 4
    assert venue.ms == 400


def test_nothing_is_saved_up_while_nobody_asks() -> None:
    venue = Venue()
    service = LinkService(venue, venue, None, venue)
    for _block in range(100):
        service.serve_between_blocks(venue, 10)
    venue.requests = [1] * 1000
    service.serve_between_blocks(venue, 10)
    assert venue.served == 10


@pytest.mark.parametrize("busy", [False, True])
def test_free_running_serves_one_request_a_block_and_none_beside_busy_storage(busy: bool) -> None:
    venue = Venue(*[7] * 10)
    venue.busy = busy
    assert served(venue, 5, 0) == [0 if busy else 1] * 5


class SlowVenue(Venue):
    """Its courier is so long in asking again, and the first request of a block is there."""

    rest_ms = 9

    def poll(self, link: object, timeout_ms: int) -> bool:
        if timeout_ms and timeout_ms < self.rest_ms:
            self.ms += timeout_ms
            return False
        self.ms += self.rest_ms if timeout_ms else 0
        return super().poll(link, timeout_ms)


@pytest.mark.parametrize(("is_taking", "counts"), [(False, [1, 1, 1]), (True, [5, 4, 5])])
def test_a_courier_that_sends_a_blob_is_waited_for_within_its_share(is_taking: bool, counts: list[int]) -> None:
    venue = SlowVenue(*[1] * 100)
    venue.is_taking = is_taking
    assert served(venue, 3, 40) == counts
    assert venue.ms <= 3 * 40 + 1, "but for the last request, which is made up for"
