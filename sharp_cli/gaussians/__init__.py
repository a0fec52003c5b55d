"""The Gaussians value type and the math around it: color, covariances, linear maps, harmonics."""
