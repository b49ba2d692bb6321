"""Accounts the sandbox can play: what is in them, who owns it, and what Headroom would be told about it."""
