"""lunix-mqtt: an MQTT broker and the bus tell each other.

A message on the topic ``a/b`` of the broker is the event ``mqtt.a.b``. What is published on ``mqtt.a.b`` goes to the
broker, from where it comes back as that event: so all hear everything once, in the broker's order. Chosen subjects of
lunix are published as ``lunix/hardware/usb/add``, and chosen commands are taken from ``lunix/toast/in``.

    broker → link → inbound (route, delivery, retained) → the bus
    the bus → outbound → link → broker

Pure core: `topics`, `message`, `route`, `delivery`, `retained`, `discovery`.
"""
