"""The bodies of an autoencoder by their kind. To add one: a file with its configuration, and a line in BODIES."""

from swapdae.autoencoder.bodies.body import Body
from swapdae.autoencoder.bodies.stack import StackConfig
from swapdae.autoencoder.bodies.transformer import TransformerConfig

BODIES: dict[str, type[Body]] = {
    "stack": StackConfig,
    "transformer": TransformerConfig,
}
