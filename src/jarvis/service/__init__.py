"""Kept alive by the machine's own service manager: launchd or systemd."""
