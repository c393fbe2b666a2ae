"""The networks: the only place that imports torch. Takes and returns arrays, knows no paths of ours."""
