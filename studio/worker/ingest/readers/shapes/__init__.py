"""What people's files look like beside what they should: told from their first rows."""
