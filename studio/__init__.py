"""Adapter Studio: fine-tune, compare and publish LoRA adapters from the browser."""

__version__ = "0.1.0"
