"""`make fresh`: amos on machines that have only what README names: Debian roots in the cache. Not in the wheel."""
