"""From Gaussians and cameras to images, films and their files."""
