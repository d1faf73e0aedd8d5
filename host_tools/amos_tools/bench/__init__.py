"""Measured figures, each beside its yardstick in the same run. Speed is never a test."""
