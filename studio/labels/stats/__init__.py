"""What label sets say: votes, agreement, one label an item."""
