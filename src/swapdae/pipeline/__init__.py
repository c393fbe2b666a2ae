"""Run stages once: keys, locks, publishing; one file a stage."""
