"""How many instances of which type a demand needs; pure."""
