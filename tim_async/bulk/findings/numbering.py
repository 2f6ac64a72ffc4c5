"""The rows at some places of an input: a journal knows rows by their places only, and holds no account."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from tim_async.bulk.opening import open_source
from tim_async.bulk.rows import InputError, Row
from tim_async.bulk.source import Fingerprint
from tim_async.bulk.standing import Standing

__all__ = ["rows_at"]


def rows_at(standing: Standing, places: Collection[int]) -> Mapping[int, Row]:
    """Place -> row. The input is hashed, and then read no further than to the last of these places.

    Args:
        standing: of the job.
        places: how many rows stand before each of them.

    Raises:
        InputError: the input is not there, or does not come from a file, or has changed.
    """
    source = open_source(standing.source["description"])
    job, path, found = standing.job, standing.source["description"]["path"], dict[int, Row]()
    if not os.path.isfile(path):  # noqa: PTH113 - that of a Path raises where a folder may not be looked into
        raise InputError(f"the input {path} is not there any more")
    wanted, last = set(places), max(places, default=-1)
    with source.as_it_was(Fingerprint(job.size or 0, job.digest or "")) as rows:
        for place, row in enumerate(rows if wanted else ()):
            if place in wanted:
                found[place] = row
            if place >= last:
                break
    return found
