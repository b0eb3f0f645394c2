"""The tab of evaluations: many pictures, every method, one table."""
