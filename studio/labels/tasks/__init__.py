"""Longer work on a project: adding pictures, automatic annotators, retraining."""
