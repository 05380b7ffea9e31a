"""The synthetic landscape of a seed: relief, land cover, plants on a date, and surface reflectance."""
