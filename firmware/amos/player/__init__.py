"""Score VM, voices, mixer and meter. Pure: values in, values out; the way in is `SPEC.md`."""
