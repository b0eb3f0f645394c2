"""Inputs that nobody should send, at every door."""
