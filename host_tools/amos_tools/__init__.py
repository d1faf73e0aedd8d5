"""The command `amos`: vault, scripts, packs, devices, settlement, verification, demo."""
