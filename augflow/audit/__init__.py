"""What balancing may have planted in a data set, or lost: hint, leakage, redundancy, damage, balance."""
