"""The task `train`."""
