"""What is on a block device, told from its bytes: file systems, volumes, partition tables. Pure."""
