"""natsdev as the only device manager: nodes, links, rules, drivers and the coldplug, where no udevd runs."""
