"""What a daemon does at intervals beside taking webhooks, and which of several daemons does it.

``schedule`` says when, ``leadership`` who. The jobs are ``sealing``, ``retention``, ``silences``, and
``loss_check``, which checks that the log still has what was acknowledged. Each is safe to run twice.
"""
