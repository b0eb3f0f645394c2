"""Shows counterfactuals; imports no tensor library."""
