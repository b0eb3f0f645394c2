"""The tab of a person's own pictures."""
