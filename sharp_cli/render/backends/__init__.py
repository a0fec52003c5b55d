"""Rasterizer backends."""
