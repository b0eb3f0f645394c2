"""What advances runs: in this process (inline), or in one device thread (local)."""
