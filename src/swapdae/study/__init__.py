"""Which units of an autoencoder are active in which rows, and what a ridge loses without them. A unit is a neuron."""
