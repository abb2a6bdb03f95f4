"""The real program with every misbehaving plugin active: mail in, replies out, pages, and who is paused when."""
