"""A venue's page and local API: what people there see of their players, and tell them."""
