"""Sum trees made a level at a time are those of SPEC section 12."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from amos.protocol.readings import NO_ROWS, roots_from_nodes, split, sum_node
from amos_ledger.settlement.sum_trees import Node, SumRoot, SumTree, nodes_of, roots

sums = st.one_of(st.integers(0, 9), st.integers(0, 2**63), st.integers(0, 2**120))


def leaves(of: list[int]) -> list[Node]:
    return [(hashlib.sha256(bytes([number & 255])).digest(), ticks) for number, ticks in enumerate(of)]


def plain(found: list[Node]) -> Node:
    if len(found) < 2:
        return found[0] if found else (NO_ROWS, 0)
    at = split(len(found))
    return sum_node(plain(found[:at]), plain(found[at:]))


@given(st.lists(st.lists(sums, max_size=40), max_size=5))
def test_a_root_grows_by_any_steps(steps: list[list[int]]) -> None:
    found = leaves([ticks for step in steps for ticks in step])
    root, at = SumRoot(), 0
    for step in steps:
        root.extend(nodes_of(found[at : at + len(step)]))
        at += len(step)
    assert root.root == plain(found) and root.count == len(found)


@given(st.lists(sums, max_size=70), st.data())
def test_a_tree_and_its_proofs(of: list[int], data: st.DataObject) -> None:
    found = leaves(of)
    tree = SumTree(nodes_of(found))
    assert tree.root == plain(found)
    if found:
        known = sorted(data.draw(st.sets(st.integers(0, len(found) - 1), min_size=1)))
        assert roots_from_nodes({index: found[index] for index in known}, len(found), tree.proof(known)) == tree.root


@given(st.lists(st.lists(sums, min_size=1, max_size=20), max_size=6))
def test_roots_of_trees_side_by_side(of_trees: list[list[int]]) -> None:
    trees = [leaves(of) for of in of_trees]
    sizes = nodes_of([(bytes(32), len(tree)) for tree in trees]).sums
    found = roots(nodes_of([leaf for tree in trees for leaf in tree]), sizes)
    assert [found.node(index) for index in range(len(trees))] == [plain(tree) for tree in trees]
