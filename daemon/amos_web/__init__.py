"""The common room of our pages: tokens, sessions, limits, headers, event streams, languages, and the server."""
