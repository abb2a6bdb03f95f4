"""One file a screen: parse the request, call the core, render."""
