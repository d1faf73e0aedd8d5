"""The Merkle log as the world reads it: tree, checkpoints, tiles. Pure."""
