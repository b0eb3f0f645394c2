"""Devices: which one computes, and what to do when it is full."""
