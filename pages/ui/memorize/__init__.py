"""The parts of the Memorize page: one file per tab, each with a `show()`, and what they share."""
