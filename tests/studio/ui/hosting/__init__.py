"""How the page is served to many."""
