"""Contests: champions and challengers that were made elsewhere and are judged here, one plug-in each."""
