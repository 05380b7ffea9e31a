"""Simulations in the file formats of the real data, with station records and the truth."""
