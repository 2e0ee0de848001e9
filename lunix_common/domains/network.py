"""The subjects of network: links, addresses, routes, wireless networks, and whether the machine is online."""

from lunix_common.table import Domain, Kind, Subject, event

DOMAINS = (
    Domain(
        "network",
        "network",
        "Links, addresses and routes of this machine, and whether it is online.",
        item="network.Item",
        gone=frozenset({"removed"}),
        passing=frozenset({"low", "high"}),
    ),
)

SUBJECTS = (
    *(
        event(f"network.link.{verb}", "network", "network.LinkEvent", doc)
        for verb, doc in (
            ("added", "An interface was made, or plugged in."),
            ("removed", "An interface is gone."),
            ("up", "An interface has a carrier: it can be used."),
            ("down", "An interface has no carrier any more, or was switched off."),
            ("changed", "An interface changed otherwise: its name, its state, its master."),
        )
    ),
    *(
        event(f"network.address.{verb}", "network", "network.AddressEvent", doc)
        for verb, doc in (
            ("added", "An interface has one more address."),
            ("removed", "An interface has an address less."),
            ("changed", "An address changed: it is known that nobody else has it, or it is deprecated."),
        )
    ),
    event("network.route.added", "network", "network.RouteEvent", "There is one more route."),
    event("network.route.removed", "network", "network.RouteEvent", "There is a route less."),
    event("network.default.changed", "network", "network.DefaultEvent", "Another default route counts, or none."),
    event("network.online", "network", "network.Online", "A default route leads over a link with a carrier."),
    event("network.offline", "network", "network.Online", "No default route leads over a link with a carrier."),
    *(
        event(f"network.wifi.{verb}", "network", "network.LinkEvent", doc)
        for verb, doc in (
            ("connected", "A wireless interface is connected."),
            ("disconnected", "A wireless interface is not connected any more."),
            ("roamed", "A wireless interface went over to another access point of the same network."),
        )
    ),
    event("network.wifi.signal.low", "network", "network.WifiSignal", "The signal fell below the threshold."),
    event("network.wifi.signal.high", "network", "network.WifiSignal", "The signal is above the threshold again."),
    event("network.dns.changed", "network", "network.Dns", "The name servers or search domains are others."),
    event("network.hostname.changed", "network", "network.Hostname", "The machine has another name."),
    Subject(
        "network.list",
        Kind.QUERY,
        "network",
        "network.ListRequest",
        "Links, addresses, routes and what follows from them, filtered and in pages.",
        reply="network.NetworkList",
        bare="link",
    ),
    Subject(
        "network.neighbours",
        Kind.QUERY,
        "network",
        "network.NeighboursRequest",
        "Who is on the same links, as the kernel knows them at this moment.",
        reply="network.NeighbourList",
        bare="link",
    ),
)
