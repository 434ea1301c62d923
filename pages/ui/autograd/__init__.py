"""The tabs of the Autograd page, one per file; each has a `show()`."""
