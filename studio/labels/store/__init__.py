"""The label store: its tables, and what may be read and written."""
