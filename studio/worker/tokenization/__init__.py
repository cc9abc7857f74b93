"""From text to tokens: tokenizers, chat templates, encoding, splits, and the task that counts tokens."""
