"""The article's claims: shipped scenarios of generated demand, measures, and what the replay finds; pure."""
