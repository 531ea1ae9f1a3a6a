"""semls: a language server for searching code by meaning."""

__version__ = "0.1.0"
