"""From a derived closed form to a program that float64 evaluates to the last digits."""
