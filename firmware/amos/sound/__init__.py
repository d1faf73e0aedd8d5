"""What renders and meters: mixers, envelopes, limiter, codec, meter. Pure: values in, values out (SPEC.md)."""
