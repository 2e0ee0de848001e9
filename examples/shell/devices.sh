#!/bin/sh
# The names of this machine's network interfaces. Before: eval "$(lunix env --role user)"
lunix request hardware.list '{"subsystem": "net"}' | python3 -c '
import json, sys
for device in json.load(sys.stdin)["items"]: print(device["name"])'
