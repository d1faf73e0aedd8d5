"""Alerts about devices: what is wrong, what was told of it, and how it is told."""
