"""What a satellite sees of the land: pixels on a swath, clouds over them, words on their quality."""
