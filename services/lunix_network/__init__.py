"""lunix-network: links, addresses, routes and wireless networks of this machine, and whether it is online.

Publishes ``network.link.…``, ``network.address.…``, ``network.route.…``, ``network.default.changed``,
``network.online``, ``network.offline``, ``network.wifi.…``, ``network.dns.changed`` and ``network.hostname.changed``;
answers ``network.list`` and ``network.neighbours``.

    rtnetlink → netlink, rtnl → table (with items) → the bus
    nl80211 → genl, nl80211 → roaming → table
    table → online → network.online, network.offline
    resolv.conf → resolv, the kernel's hostname → the bus

Pure core: `netlink`, `ip_text`, `rtnl`, `items`, `table`, `online`, `resolv`, `genl`, `nl80211`, `roaming`.
Run by machines, where coverage is not measured: `wireless`, `os_wifi`.
"""
