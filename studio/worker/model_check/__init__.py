"""The tasks `fetch` and `check`: a base model is obtained and tried out."""
