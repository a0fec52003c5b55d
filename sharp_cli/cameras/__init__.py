"""Cameras: views, trajectories, framing, and camera files."""
