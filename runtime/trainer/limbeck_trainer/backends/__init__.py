"""Kinds of store: one file each, and the contract between them and whoever has patience."""
