#!/bin/sh
# A toast for each device that appears. Before: eval "$(lunix env --role user)"
lunix sub 'hardware.*.add' | while read -r _time _subject device; do
    lunix pub toast.in "here is $device"
done
