"""Forecasts of hourly demand as calibrated quantiles; numbers in, numbers out."""
