"""Who may speak to the studio: sign-in, sessions, limits."""
