"""The parts of the Home page: the recorded run that plays on its own."""
