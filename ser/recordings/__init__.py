"""What people really have: a live voice, an hour, a folder."""
