"""What heats and cools the land: weather, light behind mountains, the balance that gives the true temperature."""
