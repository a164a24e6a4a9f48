"""Reading inputs and publishing tables: the only code that touches disks."""
