"""What the routes of the API and of the label store share."""
