"""A local cloud for trying Headroom: AWS APIs over HTTP, a clock of its own, seeded fleets, bills and metrics."""
