"""Required capacity -> schedule -> fewest safe actions, their diff and guardrails; pure."""
