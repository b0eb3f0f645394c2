"""A style-based generator: network, inversion, and answers held to a photograph."""
