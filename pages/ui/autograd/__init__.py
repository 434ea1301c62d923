"""What the Autograd page shows, a tab a file; each has a `show()`."""
