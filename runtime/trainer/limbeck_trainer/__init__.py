"""Trains and distils one model from one config file, and proves what it exports."""
