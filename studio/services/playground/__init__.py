"""The playground: columns answer the same prompt side by side; conversations and votes."""
