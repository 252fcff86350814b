"""Public corpora from their archives: downloaded, checked, unpacked."""
