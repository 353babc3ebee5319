"""Texts → tokens → samples: windows of a corpus for a decoder, padded documents for an encoder."""
