"""Generative models that keep a search on the data manifold, one file a family."""
