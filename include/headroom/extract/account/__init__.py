"""Reading what an account has: targets, metrics, load balancers, exports, permissions, quotas; it writes nothing."""
