"""What the tests on this machine's kernel share."""

from lunix_testing.daemon import daemon_process as daemon_process
from lunix_testing.hotplug import hotplug as hotplug
