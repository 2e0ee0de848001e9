#!/bin/sh
# A stick is at /mnt/stick while it is plugged. Before: eval "$(lunix env --role admin)"
lunix sub --json 'hardware.usb.*' | while read -r event; do
    id=$(printf '%s\n' "$event" | sed 's/.*"payload": {"id": "\([^"]*\)".*/\1/')
    case $event in
    '{"subject": "hardware.usb.add"'*) lunix pub mount.mount "{\"device\": \"$id\", \"where\": \"/mnt/stick\"}" ;;
    '{"subject": "hardware.usb.remove"'*) lunix pub mount.unmount "{\"device\": \"$id\"}" ;;
    esac
done
