"""Which units of an autoencoder fire, for whom, and who needs them."""
