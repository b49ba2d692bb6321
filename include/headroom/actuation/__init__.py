"""Reading scaling targets, applying, verifying and rolling back actions, and the ledger of it all."""
