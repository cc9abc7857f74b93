"""`studio datasets`."""
