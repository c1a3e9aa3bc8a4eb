"""The REST side of the embedded API server: discovery, objects, patches, Tables."""
