"""The swap-noise denoising autoencoder: configuration, network, noise, training, checkpoint, estimator."""
