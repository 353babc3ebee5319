"""A model from elsewhere, in the Hugging Face layout, that is trained further."""
