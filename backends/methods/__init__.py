"""The papers' algorithms, one file each. No method imports another."""
