"""Gates between raw and staging: Great Expectations suites, and the quarantine of what they reject."""
