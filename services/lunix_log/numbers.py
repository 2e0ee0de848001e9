"""Which numbers are missing in a row that counts on by one, for several rows."""

from collections import OrderedDict

ROWS = 1024


class Rows:
    """The last number of each row; of too many rows the one that went on longest ago is forgotten."""

    def __init__(self, most: int = ROWS) -> None:
        self._most = most
        self._last: OrderedDict[str, int] = OrderedDict()

    def missing(self, row: str, number: int) -> int:
        """How many are missing before this number; none where the row begins, and where it begins again."""
        last = self._last.pop(row, None)
        self._last[row] = number
        if len(self._last) > self._most:
            self._last.popitem(last=False)
        return 0 if last is None else max(number - last - 1, 0)
