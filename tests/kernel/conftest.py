"""What the tests on this machine's kernel share."""

from lunix_testing.daemon import daemon_process as daemon_process
from lunix_testing.hotplug import hotplug as hotplug
from lunix_testing.mounts import loops as loops
from lunix_testing.mounts import mounting as mounting
from lunix_testing.mounts import start_mounting as start_mounting
from lunix_testing.network import follower as follower
from lunix_testing.network import network as network
from lunix_testing.network import own_network as own_network
