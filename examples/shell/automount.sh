#!/bin/sh
# A stick is at /mnt/stick while it is plugged. Before: eval "$(lunix env --role admin)"
lunix sub 'hardware.usb.*' | while read -r _time subject device; do
    id=$(printf '%s' "$device" | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p')
    case $subject in
        *.add) lunix pub mount.mount "{\"device\": \"$id\", \"where\": \"/mnt/stick\"}" ;;
        *.remove) lunix pub mount.unmount "{\"device\": \"$id\"}" ;;
    esac
done
