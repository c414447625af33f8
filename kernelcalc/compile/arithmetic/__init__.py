"""What compiled code calls, in float64, float32 and double-double."""
