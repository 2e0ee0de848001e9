"""lunix-init-bus: the supervisor on the bus (``init.>``).

A supervised child like any other. It hears what lunix-init tells on its private socket and publishes it, and asks there
what the bus asks. Killing it, or the bus, changes nothing for the services: the supervisor keeps its last events, and
what went past is read again or announced as lost.

Pure core: `told`.
"""
