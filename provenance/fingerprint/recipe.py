"""The recipe: every parameter that changes a fingerprint or a selection, as one short string. It computes nothing."""

from __future__ import annotations

from typing import NamedTuple


class Recipe(NamedTuple):
    """The parameters of a fingerprint. Two fingerprints compare only if their recipes are equal."""

    version: int = 1
    """Stands for the token rules, the tables, the hash constants and the MinHash permutations."""
    k: int = 24
    """Tokens of a gram."""
    w: int = 9
    """Gram positions of a window; the index keeps at least one eligible gram of each."""
    distinct: int = 12
    """A gram with fewer distinct symbols is never eligible (numbers count as one symbol)."""
    structure: int = 5
    """A gram with fewer signs of structure (distinct marks of code, back-references) is compared literally."""
    shingle: int = 5
    """Tokens of a MinHash shingle."""
    permutations: int = 128

    @property
    def t(self) -> int:
        """The promise: every shared run of this many tokens is found (k + w - 1; Schleimer et al. 2003)."""
        return self.k + self.w - 1

    def __str__(self) -> str:
        return (
            f"p{self.version}.k{self.k}.w{self.w}.d{self.distinct}.s{self.structure}"
            f".m{self.permutations}x{self.shingle}"
        )


RECIPE = Recipe()
"""The recipe of this build: the two engines know no other."""
