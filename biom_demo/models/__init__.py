"""Which model pairs there are, where their weights come from, and the readers in memory."""
