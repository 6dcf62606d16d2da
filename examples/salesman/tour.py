"""A tour: the order in which the cities are visited, and back to the first one. It travels as text, and is computed with as an array."""

from __future__ import annotations

import json
from typing import Final

import numpy as np
from numpy.typing import NDArray

from examples.salesman.excerpt import excerpt

Tour = NDArray[np.int32]
"""City numbers from 0, each exactly once."""

MAX_TEXT: Final = 40_000
"""Characters of the text of a tour; 3,000 cities need 16,891 and some spaces."""


class BadTour(ValueError):
    """What was given is not a tour of the problem; the message says why."""


def read_tour(text: object, size: int) -> Tour:
    """
    Return the tour of `size` cities that a JSON text like "[0,2,1]" says.

    Raises:
        BadTour: it is no such text, or not a permutation of 0 … size - 1.
    """
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise BadTour(f"a tour is a JSON text of at most {MAX_TEXT:,} characters")
    try:
        numbers = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadTour(f"a tour is a JSON list of city numbers: {str(error)[:200]}") from error
    if not isinstance(numbers, list) or any([type(number) is not int for number in numbers]):
        raise BadTour("a tour is a JSON list of city numbers")
    return checked_tour(numbers, size)


def checked_tour(numbers: list[int], size: int) -> Tour:
    """
    Return the tour with these city numbers.

    Raises:
        BadTour: they are not a permutation of 0 … size - 1.
    """
    if len(numbers) != size:
        raise BadTour(f"the tour visits {len(numbers):,} cities, there are {size:,}")
    seen = bytearray(size)
    for number in numbers:
        if not 0 <= number < size:
            raise BadTour(f"there is no city {excerpt(number)}, they are numbered 0 … {size - 1:,}")
        if seen[number]:
            raise BadTour(f"the tour visits city {number} twice")
        seen[number] = 1
    return np.array(numbers, np.int32)


def tour_text(tour: Tour) -> str:
    """Return the JSON text of a tour, without spaces."""
    return json.dumps(tour.tolist(), separators=(",", ":"))
