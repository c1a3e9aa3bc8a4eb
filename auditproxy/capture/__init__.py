"""Copies of bodies kept for the trail, bounded together, and their turn to be decoded."""
