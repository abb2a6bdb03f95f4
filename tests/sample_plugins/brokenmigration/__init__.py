"""Its second table cannot be made."""
