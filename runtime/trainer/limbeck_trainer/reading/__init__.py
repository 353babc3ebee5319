"""From a source to samples: one file per kind of source or format."""
