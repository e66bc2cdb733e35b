"""Start the page: ``python app.py``; the README lists the settings. ``biom-demo serve`` is the same."""

from __future__ import annotations

from biom_demo.ui.ending import leave
from biom_demo.ui.start import main

if __name__ == "__main__":
    leave(main())
