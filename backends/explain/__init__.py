"""One question to one method: run it, measure the answer, count what it cost."""
