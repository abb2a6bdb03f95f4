"""What the measuring suite computes."""
