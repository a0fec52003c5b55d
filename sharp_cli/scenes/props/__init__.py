"""Things to put into scenes: each function takes the builder, a place on the ground and a size."""
