"""Winnowing: which grams of a passage the index keeps (Schleimer, Wilkerson, Aiken 2003). It looks nothing up.

Windows are w consecutive gram *positions*: over the list of eligible grams alone, up to 42 % of shared runs
would be missed. In each the least structured eligible gram is kept, a literal one only if there is none;
of equals the rightmost. A passage with fewer than w positions is one window. Its first and last eligible
gram are kept besides, so that a passage that stands whole in a text is verified from end to end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provenance.fingerprint import RECIPE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Selection(NamedTuple):
    """The kept grams of a passage, as places in its gram list, and what the promise does not cover."""

    chosen: NDArray[np.intp]
    windows: int
    floor: int
    """Windows with no eligible gram at all: the distinct floor suppresses them."""
    commons: int
    """Windows whose every eligible gram is in the commons."""
    literal: int
    """Windows kept by a literal gram: covered verbatim, not for renaming."""


def select(
    tokens: int, keys: NDArray[np.uint64], positions: NDArray[np.uint32], common: NDArray[np.bool_]
) -> Selection:
    """Select among the eligible grams of one passage; ``common`` marks those that the commons suppress."""
    import numpy as np

    count = tokens - RECIPE.k + 1
    if count < 1:
        return Selection(np.empty(0, np.intp), 0, 0, 0, 0)
    none = np.uint64(0xFFFFFFFFFFFFFFFF)
    ranks = np.full(count, none, np.uint64)
    # Bit 0 of a key says structured; as the top bit, inverted, it puts structured grams first.
    rank = (keys >> np.uint64(1)) | (~keys << np.uint64(63))
    ranks[positions] = np.where(common, none, rank)
    eligible = np.zeros(count, np.bool_)
    eligible[positions] = True
    width = min(RECIPE.w, count)
    windows = np.lib.stride_tricks.sliding_window_view(ranks, width)
    # argmin gives the first least; over the reversed window that is the rightmost.
    best = np.arange(len(windows)) + width - 1 - np.argmin(windows[:, ::-1], axis=1)
    least = ranks[best]
    empty = least == none
    any_eligible = np.lib.stride_tricks.sliding_window_view(eligible, width).any(axis=1)
    place = np.zeros(count, np.intp)
    place[positions] = np.arange(len(positions))
    return Selection(
        chosen=np.unique(np.concatenate([place[best[~empty]], np.flatnonzero(~common)[[0, -1]]]))
        if not common.all()
        else np.empty(0, np.intp),
        windows=len(windows),
        floor=int((empty & ~any_eligible).sum()),
        commons=int((empty & any_eligible).sum()),
        literal=int((~empty & (least >> np.uint64(63) == 1)).sum()),
    )
