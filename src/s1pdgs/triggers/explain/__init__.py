"""Why an order is where it is."""
