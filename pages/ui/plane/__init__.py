"""Parts of the page Points: a network that learns points in a plane."""
