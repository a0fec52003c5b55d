"""How close a render is to the truth: metrics, and the protocols that average them."""
