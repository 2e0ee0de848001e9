"""The one declared table of subjects: what there is on the bus, who publishes it, who may ask for it.

The calls of the daemons, the server's accounts and permissions, ``lunix subjects``, the JSON Schemas, the AsyncAPI
document and the reference pages are all computed from ``TABLE``. Nothing else in the project spells a subject out.
The rows stand in ``domains``, one module a daemon; what a row can say is in ``table``.
"""

from lunix_common.domains import ROWS
from lunix_common.table import MAX_SUBJECT_BYTES, Domain, Kind, Role, Subject, Table, announced, token, untoken

__all__ = ["MAX_SUBJECT_BYTES", "TABLE", "Domain", "Kind", "Role", "Subject", "Table", "announced", "token", "untoken"]

_DOMAINS = tuple(domain for rows in ROWS for domain in rows.DOMAINS)
_SUBJECTS = tuple(subject for rows in ROWS for subject in rows.SUBJECTS)
_PUBLISHERS = {row.domain for row in _SUBJECTS if row.kind is Kind.EVENT}

TABLE = Table(
    _SUBJECTS + tuple(row for one in _DOMAINS if one.name in _PUBLISHERS for row in announced(one, _SUBJECTS)),
    _DOMAINS,
    {daemon: patterns for rows in ROWS for daemon, patterns in getattr(rows, "USES", {}).items()},
)
"""What lunix itself declares."""
