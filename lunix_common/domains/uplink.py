"""The subjects of uplink: how a machine on lunix-bus belongs to a fleet."""

from lunix_common.table import Domain, Kind, Subject, event

DOMAINS = (
    Domain(
        "uplink",
        "uplink",
        "The connections of a machine on lunix-bus to the hub of its fleet.",
        item="uplink.Link",
        gone=frozenset({"removed"}),
        passing=frozenset({"dropped"}),
    ),
)

SUBJECTS = (
    event("uplink.added", "uplink", "uplink.LinkEvent", "The machine joined a fleet: operators of one more role."),
    event("uplink.connected", "uplink", "uplink.LinkEvent", "The hub is reached: what waited for it is on its way."),
    event("uplink.disconnected", "uplink", "uplink.LinkEvent", "The hub is not reached, and events wait for it."),
    event("uplink.removed", "uplink", "uplink.LinkEvent", "The machine left its fleet, or joined it otherwise."),
    event(
        "uplink.dropped",
        "uplink",
        "uplink.Dropped",
        "Events that the hub did not get, counted by their domains. It is told once the hub is there again.",
    ),
    Subject(
        "uplink.list",
        Kind.QUERY,
        "uplink",
        "uplink.ListRequest",
        "The connections to the hub, one for each role of operators.",
        reply="uplink.LinkList",
    ),
)
