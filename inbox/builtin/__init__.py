"""Always-on features written only against hooks and the toolkit: the proof that they suffice."""
