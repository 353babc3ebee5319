"""How good a model is on samples that it was never trained on: one module for each task, each metric with its interval.

What ranks share is summed counts or gathered outputs, never an average: a mean of shares over unequal parts is none.
"""
