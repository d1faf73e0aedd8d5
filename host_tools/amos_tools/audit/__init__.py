"""Whether what players signed is what their scores decide, and whether it can have been played at all.

The order of the work: `readings` reads a ledger's published log against pinned keys and gives each usage segment of
the devices that matter, dated; `choice` takes the devices of each day; `spool` keeps their segments on disk until the
log is read; `work` replays one device, here or on a cluster; `report` says what came of it. `plausibility` looks at all
devices without replaying any. Nothing is imported of the ledger.
"""
