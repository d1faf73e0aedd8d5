"""What may sound: leases of packs and stems, and the publisher's opt-out list (RIGHTS.md)."""
