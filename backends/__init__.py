"""Computes counterfactuals; has never heard of the browser."""
