"""A table in which daemons that may not be part of this tree have a place, for tests that stand in for them."""

from lunix_common.subjects import TABLE, Domain, Kind, Subject, Table

_ELSEWHERE = (Subject("bluetooth.connected", Kind.EVENT, "bluetooth", "common.Anything", "A device connected."),)


def table() -> Table:
    """lunix's own table, and those rows whose domain it does not have."""
    known = {domain.name for domain in TABLE.domains}
    rows = [row for row in _ELSEWHERE if row.domain not in known]
    return TABLE.joined(rows, [Domain(row.domain, row.daemon, "") for row in rows])
