"""The results of the papers, one readable file each: the statement as printed, and its derivation."""
