"""The home folder as a whole: backup, restore, doctor, relocation."""
