"""Training: the losses on what the network predicts, and what surrounds them."""
