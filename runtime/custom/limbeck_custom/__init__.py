"""Speaks contract v1 between Limbeck and a training program of your own (docs/custom-training.md)."""

from limbeck_custom.ending import Failure as Failure
from limbeck_custom.job import Job as Job
