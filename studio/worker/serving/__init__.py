"""The task `serve`: one base model and its adapters behind the OpenAI chat protocol."""
