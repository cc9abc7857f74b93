"""Writing answers: sampling, stop strings, and batches of sequences."""
