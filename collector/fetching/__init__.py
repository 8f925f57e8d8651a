"""What a sender's API is asked for: records that were missed. ``values`` says where, ``client`` asks."""
