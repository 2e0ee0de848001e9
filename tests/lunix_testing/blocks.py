"""What is kept of work that is done again and again: blocks of the interpreter's memory.

CPython keeps two thousand freed tuples of each length. One that is made of a generator, or by ``_replace``, begins with
room for ten and is cut to its length, so none of those is used again: each time one more is kept, some megabyte in all.
"""

import gc
import sys
from collections.abc import Callable

ROUNDS = 500


def kept(work: Callable[[], object]) -> int:
    """How many blocks more are in use after ``work`` was done ``ROUNDS`` times."""
    gc.collect()
    for _ in range(ROUNDS // 5):  # fills what is used again
        work()
    before = sys.getallocatedblocks()
    for _ in range(ROUNDS):
        work()
    return sys.getallocatedblocks() - before
