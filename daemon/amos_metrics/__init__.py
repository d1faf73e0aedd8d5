"""What a daemon serves for machines that watch it: /metrics and /health."""
