"""What the pages show of the catalogue's records."""
