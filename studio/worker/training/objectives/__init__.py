"""What a run optimises: one module for each objective, listed in `registry`."""
