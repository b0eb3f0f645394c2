"""Step generators that train a bundle's parts."""
