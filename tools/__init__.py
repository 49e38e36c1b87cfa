"""What `make` and CI run: setting up an environment, running the test suites."""
