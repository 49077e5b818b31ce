"""Jarvis beside its peers: see `python -m benchmarks --help`."""
