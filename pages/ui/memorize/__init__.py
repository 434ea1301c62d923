"""What the Memorize page shows, a tab a file; each has a `show()`."""
