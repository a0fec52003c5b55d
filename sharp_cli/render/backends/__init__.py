"""Rasterizer backends, and the choice between them."""
