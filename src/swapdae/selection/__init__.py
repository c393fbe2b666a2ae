"""Concrete selectors of k columns, their linear rival, and the estimator ConcreteSelector."""
