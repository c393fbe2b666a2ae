"""From a frame to codes and network inputs, without any label."""
