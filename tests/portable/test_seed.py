"""What a session's draws start from, on every runtime: the vectors of protocol/SPEC.md section 3, and what is kept."""

from amos.edges.two_slot_memory import TwoSlotMemory
from amos.session.seed_root import SeedRoot
from amos.session.start import session_seed

DEVICE_ID, PACK_ID, ROOT = b"d" * 16, b"p" * 32, b"r" * 32
SEED_1 = "daa1494f7d681015081078e0019417b351a5591105af7d338df94b6f7be24750"
SEED_2 = "22d494d23d5536be885a6560da4ecbd9f9dbb9b104c3e8b768f2301e8a223b77"


def test_the_seeds_of_both_versions_are_those_of_the_specification():
    assert session_seed(DEVICE_ID, PACK_ID, 7, None).hex() == SEED_1
    assert session_seed(DEVICE_ID, PACK_ID, 7, ROOT).hex() == SEED_2


def test_each_part_of_a_seed_changes_it():
    seeds = [session_seed(DEVICE_ID, PACK_ID, 7, root) for root in (None, bytes(32), ROOT)]
    seeds.append(session_seed(DEVICE_ID, PACK_ID, 8, ROOT))
    seeds.append(session_seed(DEVICE_ID, ROOT, 7, ROOT))
    seeds.append(session_seed(ROOT[:16], PACK_ID, 7, ROOT))
    assert len(set(seeds)) == len(seeds)


def test_a_root_counts_from_the_next_boot_on_and_what_is_lost_is_zeros():
    kept = TwoSlotMemory()
    roots = SeedRoot(kept)
    roots.keep(ROOT)
    assert roots.root == bytes(32) and SeedRoot(kept).root == ROOT
    kept.fails = True
    roots.keep(PACK_ID)
    assert SeedRoot(kept).root == ROOT
    for content in (None, b"", ROOT[1:], ROOT + b"r"):
        assert SeedRoot(TwoSlotMemory(content)).root == bytes(32)
    roots = SeedRoot()
    roots.keep(ROOT)
    assert roots.root == bytes(32)
