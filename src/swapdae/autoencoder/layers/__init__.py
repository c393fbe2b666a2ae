"""The networks of the bodies, in torch; their configurations are in bodies/."""
