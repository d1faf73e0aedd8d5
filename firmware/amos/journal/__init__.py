"""What the player must not forget: metered rows, sealed segments, counters. Pure over a `SectorDevice` (SPEC.md)."""
