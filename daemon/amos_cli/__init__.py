"""What every command line of amos shares: facts as a table or as JSON, refusals and their exit codes, files."""
