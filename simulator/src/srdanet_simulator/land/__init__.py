"""The land that a seed invents: its relief, what covers it and grows on it on a date, and what it reflects."""
