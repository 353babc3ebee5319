"""config.json in, result.json out, exit code is the verdict.

Usage: python3 -m limbeck_trainer --config config.json
"""

from __future__ import annotations

from limbeck_trainer.early import heed_sigterm

if __name__ == "__main__":
    heed_sigterm()
    # After that: what the entry needs takes tenths of a second to import.
    from limbeck_trainer.entry import main

    main()
