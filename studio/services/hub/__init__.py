"""Publishing adapters to the Hugging Face Hub."""
