"""What a token may send and hear. The server holds its identity to its role; this tells the client so at once.

The server refuses a subscription only where all of it is forbidden, and tells a refusal only to the connection, not to
the message: so the same table is asked here first. The configuration can narrow it further, never widen it.
"""

from collections.abc import Sequence

from lunix_common.access.accounts import SHARED, covers, may, overlap
from lunix_common.access.roles import Client
from lunix_common.subjects import Kind, Role, Table


class Policy:
    """The rights of one client of the bus."""

    def __init__(
        self, table: Table, client: Client, publish: Sequence[str] | None, subscribe: Sequence[str] | None
    ) -> None:
        """``publish`` and ``subscribe`` are the lists of the configuration, ``None`` where it has none."""
        self._table = table
        self._client = client
        self._publish = publish
        self._subscribe = subscribe
        self._scripts = client.role.includes(Role.USER)

    def may_send(self, subject: str) -> bool:
        """Whether this literal subject may be published or asked."""
        if self._publish is not None and not any(covers(one, subject) for one in self._publish):
            return False
        if self._scripts and covers(SHARED, subject):
            return True
        row = self._table.find(subject)
        return row is not None and row.kind is not Kind.EVENT and may(self._client, row)

    def may_hear(self, filter_: str) -> bool:
        """Whether there is anything to hear on this subject, which may have wildcards."""
        if self._subscribe is not None and not any(covers(one, filter_) for one in self._subscribe):
            return False
        if self._scripts and overlap(SHARED, filter_):
            return True
        events = (row for row in self._table if row.kind is Kind.EVENT)
        return any(overlap(row.wildcard, filter_) and may(self._client, row) for row in events)
