"""Splat files: one module per format, each a reader and/or writer of the Gaussians value type."""
