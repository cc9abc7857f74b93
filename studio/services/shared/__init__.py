"""What several subjects of the services need."""
