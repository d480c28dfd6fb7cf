"""Figures over HTTP: JSON, CSV and Arrow, for whom the policy says, of one generation per answer."""
