"""Tags: an operator's own words about players and sites, by which they are shown and ordered."""
