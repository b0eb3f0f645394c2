"""Portraits: aligned as FFHQ's, their landmarks, and their parts by name."""
