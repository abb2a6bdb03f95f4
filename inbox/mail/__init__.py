"""Mail in and out: from bytes to tickets, from replies to bytes."""
