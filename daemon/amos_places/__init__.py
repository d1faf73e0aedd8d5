"""Files by name below one place: a folder of this machine, an address of the web, or any URL that fsspec knows.

    place.py    what a place can do
    folder.py   a folder of this machine
    web.py      http:// and https://, to read
    remote.py   whatever fsspec reaches: object stores, SFTP, SMB
    named.py    the place that an operator names
    errors.py   what may fail

Nothing that is read from a place is believed here; whoever reads compares it with a hash or a signature.
"""
