"""What trained networks learned and cost, in tables and pictures: see README.md."""
