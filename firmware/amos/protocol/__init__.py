"""Bytes ↔ facts of everything that travels or is signed. Pure; `SPEC.md` is the reference,
`messages.cddl` its grammar.
"""
