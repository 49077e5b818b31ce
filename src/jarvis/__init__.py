"""Jarvis: an always-on personal scheduler that accounts for every instant it was asked for."""

__version__ = "0.1.0"
