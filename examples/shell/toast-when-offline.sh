#!/bin/sh
# A toast when the network is gone, and when it is back. Before: eval "$(lunix env --role user)"
lunix sub network.offline network.online | while read -r _time subject _rest; do
    case $subject in
    network.offline) lunix pub toast.in 'The network is gone.' ;;
    network.online) lunix pub toast.in 'The network is back.' ;;
    esac
done
