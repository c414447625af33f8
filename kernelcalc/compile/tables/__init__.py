"""Expectations without a cheap closed form: tables and series with a bound of their error."""
