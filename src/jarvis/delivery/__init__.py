"""The channels that deliveries go out by, one file each."""
