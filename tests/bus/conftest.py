"""What the tests on a real server share."""

from lunix_testing.peers import peers as peers
