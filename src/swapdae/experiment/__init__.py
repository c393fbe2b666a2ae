"""What an experiment is."""
