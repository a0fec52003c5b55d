"""Metrics of pictures and depth maps."""
