"""What people tell a player, in words."""
