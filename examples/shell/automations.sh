#!/bin/sh
# Two automations. Before: eval "$(lunix env --role user)"
lunix sub hardware.usb.add | while read -r _time _subject _device; do
    lunix pub toast.in 'a USB stick was plugged in!'
done &
lunix sub mqtt.temperature0 | while read -r _time _subject celsius; do
    if [ "${celsius%.*}" -lt 18 ] && lunix request ps.calibre | grep -q '"running": true'; then
        lunix pub toast.in "only $celsius °C"
    fi
done
