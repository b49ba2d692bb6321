"""Optuna studies over the replay."""
