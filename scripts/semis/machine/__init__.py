"""What this machine has: its processor and its free memory."""
