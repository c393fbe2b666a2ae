"""Ground floor: errors, strict models, paths, files, device."""
