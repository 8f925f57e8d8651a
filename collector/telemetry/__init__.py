"""What a process says of its own work: log lines, metrics, crashes, and deliveries that it refused.

``masking`` keeps out of all of it what may hold a secret.
"""
