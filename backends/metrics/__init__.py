"""How far, how much, how convincing: numbers that judge a counterfactual."""
