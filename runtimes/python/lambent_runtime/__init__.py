"""Lambent's runtime client for Python 3.9 and newer, without dependencies."""
