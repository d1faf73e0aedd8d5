"""Work over whole logs, a batch of entries at a time: in this process, or on a Dask cluster."""
