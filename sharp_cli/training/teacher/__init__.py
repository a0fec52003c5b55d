"""A teacher that has seen photos: pre-trained features, a small decoder on them, and the labels that it gives."""
