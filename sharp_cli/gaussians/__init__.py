"""The Gaussians value type and the maths around it: colour, covariances, linear maps."""
