"""Splat files: one module per format, and one registry that chooses the format by the file's suffix."""
