"""Frozen dataclasses of the field's words (docs/glossary.md); no clock, no files, no network."""
