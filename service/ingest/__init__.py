"""The webhook endpoint: verify a delivery and record it by group commit."""
