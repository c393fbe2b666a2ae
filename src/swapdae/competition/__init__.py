"""What a competition is: its configuration, table, folds, metrics, submission and hosts."""
