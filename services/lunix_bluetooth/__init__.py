"""lunix-bluetooth: the devices around, what may be done with them, and who confirms a pairing.

Publishes ``bluetooth.connected``, ``bluetooth.disconnected``, ``bluetooth.device.*``, ``bluetooth.adapter.*``,
``bluetooth.signal.*`` and ``bluetooth.pair.*``; answers ``bluetooth.list`` and the commands. All of it by BlueZ.

    BlueZ's objects and signals → bluez → registry (one item an address, flapping held back) → the bus
    BlueZ's agent interface → agent → bluetooth.pair.requested … bluetooth.pair.answer → agent → BlueZ
    requests → commands → BlueZ

Pure core: `names`, `objects`, `registry`, `refusal`.
"""
