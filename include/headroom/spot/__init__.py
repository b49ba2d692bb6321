"""How much of a fleet can run on spot, and where; pure."""
