"""Scheduling: the pure rules of time, the engine and the daemon built on them."""
