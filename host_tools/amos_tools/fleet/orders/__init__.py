"""What people order at the pages is signed elsewhere: by a process that has the operator's key and serves no page."""
