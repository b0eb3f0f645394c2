"""Target models: the classifiers that are explained."""
