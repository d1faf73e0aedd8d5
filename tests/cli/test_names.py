"""Names compared as people read them."""

import unicodedata

from amos_cli.names import nearest, same_name


def test_composed_and_decomposed_letters_are_the_same_name():
    assert same_name(unicodedata.normalize("NFD", "Zoë Ångström"), "Zoë Ångström")
    assert not same_name("Zoe", "Zoë")


def test_the_nearest_name_is_offered_and_a_far_one_is_not():
    assert nearest("Ilse Marne", ["Ilse Maren", "Ada North"]) == "Ilse Maren"
    assert nearest("xyz", ["Ilse Maren", "Ada North"]) is None
