"""lunix-websocket: the bus for browsers, scripts and Node-RED, by one JSON frame, and the page at ``/``.

Answers ``websocket.list``; publishes ``websocket.opened`` and ``websocket.closed``.

    socket → door → frames → client → policy → hub → the bus, with the identity of the client's token
    the bus → hub → frames, once a message → queue, one a client → socket

Pure core: `frames`, `door`, `queue`, `refusals`, `asyncapi`.
"""
