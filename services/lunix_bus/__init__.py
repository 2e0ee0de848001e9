"""lunix-bus: a NATS server for one small device, in the place of nats-server where that is too big.

bytes → parser → client → hub: accounts, permissions, subscriptions → bytes of others

It speaks NATS to any client: publish, subscribe, queue groups, headers, requests, no responders; with the accounts,
exports, imports and permissions that lunix computes for nats-server. Beside TCP it listens on a unix socket, where the
kernel tells who connects, so that no key is needed. No JetStream, no cluster, no leaf nodes, no websockets, no MQTT.

Pure core: `subject`, `sublist`, `headers`, `options`, `access`, `accounts`, `parser`, `hub`, `client`.
"""
