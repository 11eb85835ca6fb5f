"""What calls, conferences and recordings are, and which moves they may make: pure, without I/O or a clock."""
