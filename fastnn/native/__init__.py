"""The compiled backend."""
