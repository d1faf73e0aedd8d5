"""The courier: pulls signed segments from players, keeps them safe, and syncs them until receipted."""
