"""Who subscribed to what: a tree of tokens, and beside it the answers for the subjects that were asked for last.

The tree is nested dictionaries: a token leads to a node, and the empty token, which no subject has, to the entries that
end there. So the cost of a match grows with the tokens of a subject and not with the number of entries.
"""

from typing import Any, Generic, TypeVar

from lunix_bus.subject import ANY, REST

T = TypeVar("T")
Node = dict[bytes, Any]
_END = b""
CACHED = 1024


class Sublist(Generic[T]):
    """Entries under patterns. An entry is hashable and stands once under a pattern; the patterns are valid ones."""

    def __init__(self) -> None:
        self._root: Node = {}
        self._cache: dict[bytes, tuple[T, ...]] = {}

    def insert(self, pattern: bytes, entry: T) -> None:
        """Add an entry."""
        node = self._root
        for token in pattern.split(b"."):
            node = node.setdefault(token, {})
        node.setdefault(_END, {})[entry] = None
        self._cache.clear()

    def remove(self, pattern: bytes, entry: T) -> None:
        """Take an entry away, and the branches that nothing else needs; one that is not there is none."""
        path: list[tuple[Node, bytes]] = []
        node = self._root
        for token in (*pattern.split(b"."), _END):
            path.append((node, token))
            if token not in node:
                return
            node = node[token]
        entries: dict[T, None] = node  # type: ignore[assignment]
        entries.pop(entry, None)
        for parent, token in reversed(path):
            if parent[token]:
                break
            del parent[token]
        self._cache.clear()

    def match(self, subject: bytes) -> tuple[T, ...]:
        """The entries whose pattern takes in this subject; none for a subject with an empty token."""
        found = self._cache.get(subject)
        if found is None:
            if len(self._cache) >= CACHED:
                self._cache.clear()
            found = self._cache[subject] = self._find(subject)
        return found

    def _find(self, subject: bytes) -> tuple[T, ...]:
        tokens = subject.split(b".")
        if _END in tokens:
            return ()
        found: list[T] = []
        level = [self._root]
        for token in tokens:
            below: list[Node] = []
            for node in level:
                if REST in node:
                    found.extend(node[REST][_END])
                if ANY in node:
                    below.append(node[ANY])
                if token in node and token != ANY and token != REST:
                    below.append(node[token])
            level = below
        for node in level:
            found.extend(node.get(_END, ()))
        return tuple(found)
