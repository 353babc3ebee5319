# To read all of transformers takes minutes, and to skip it leaves everything stale that torch imports it from.
from typing import Any

def __getattr__(name: str) -> Any: ...
