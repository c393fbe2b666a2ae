"""Feature sets by fold, cross-fitting, fold-wise ridge, tuning, blending: pure functions on arrays."""
