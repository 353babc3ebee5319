"""Speaks contract v1 between Limbeck and a training program of your own (docs/custom-training.md)."""

from limbeck_custom.job import Job as Job
from limbeck_custom.telling import Failure as Failure
