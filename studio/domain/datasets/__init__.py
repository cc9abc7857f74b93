"""What a dataset is: formats, rows, and what can be wrong with them."""
