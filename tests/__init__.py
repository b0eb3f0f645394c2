import backends  # noqa: F401 - says how threads wait, before a test imports torch
