"""lunix-uplink: a machine on lunix-bus, which has no leaf nodes, belongs to a fleet as a client of its hub.

Its events go to the hub under the machine's accounts there, and operators' requests come from it, each role by
connections of its own. Publishes ``uplink.*``, answers ``uplink.list``.

    bus → mapping → buffer → hub
    hub → mapping → bus → answer → hub

Pure core: `mapping`, `buffer`, `protocol`, `membership`, `ed25519`.
"""
