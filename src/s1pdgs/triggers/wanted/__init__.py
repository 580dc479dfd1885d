"""Result-driven orders: wishes, and the way from what is wanted back to what is held."""
