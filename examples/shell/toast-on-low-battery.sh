#!/bin/sh
# A toast when a battery is low. Before: eval "$(lunix env --role user)"
lunix sub 'power.battery.low' | while read -r _time _subject battery; do
    lunix pub toast.in "plug me in: $battery"
done
