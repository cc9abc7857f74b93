"""Chat workers of this machine, and a remote server of the OpenAI protocol in their place."""
