"""What is decided about a message: caps, signature, payload, the one table. Pure."""
