"""Measures what the desk costs: `python -m bench`. Also seeds the large database of tests/test_plans.py."""
