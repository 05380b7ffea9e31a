"""The sensor: pixels of a swath, clouds, noise and quality words."""
