"""Shows counterfactuals; has never heard of tensors."""
