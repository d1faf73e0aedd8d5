"""The chooser of a score in which a stem stands in several tempi or keys. SCORE.md, "Variants", is the reference.

Only a score that has such stems loads this.
"""


def with_variants(base):
    """A class of choosers as `base`, to which what is true of a stem is true of its variants."""

    class VariantChooser(base):
        def _variants_of(self, stem: int):
            """The rows of the stem table that are the same stem; they stand side by side."""
            variants = self.score.variants
            if variants is None:
                return (stem,)
            first = end = variants[stem]
            while end < len(variants) and variants[end] == first:
                end += 1
            return range(first, end)

        def choose(self, layer, sounding: "set[int]", value: int, frame: int) -> int:
            alike = {other for stem in sounding for other in self._variants_of(stem)}
            return base.choose(self, layer, alike, value, frame)

        def learn(self, stem: int, factor_q8: int) -> None:
            for other in self._variants_of(stem):
                base.learn(self, other, factor_q8)

        def block(self, stem: int) -> None:
            for other in self._variants_of(stem):
                base.block(self, other)

        def _remember(self, pool: int, stem: int, frame: int) -> None:
            """A play from a pool is one from all that are the same, as the variant that each of them has."""
            pools, variants = self.score.pools, self._variants_of(stem)
            first = pools[pool].same_as
            first = pool if first is None else first
            for index, other in enumerate(pools):
                if index == pool:
                    base._remember(self, index, stem, frame)
                elif index == first or other.same_as == first:
                    base._remember(self, index, _held(other, variants, stem), frame)
            if self._began is not None:
                for other in variants:
                    self._began[other] = self._began[stem]

    return VariantChooser


def _held(pool, variants, stem: int) -> int:
    """Which of `variants` the pool holds, or `stem` if none."""
    for stems in (pool.stems, pool.off_key or (), pool.off_tempo or ()):
        for held in stems:
            if held in variants:
                return held
    return stem
