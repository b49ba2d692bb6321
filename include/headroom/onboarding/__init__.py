"""From what an account has to drafts of fleets.yaml and to findings with remedies: pure, nothing is read or written."""
