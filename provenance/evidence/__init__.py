"""Evidence that stands by itself: signed statements, clean-room records, packs, and what verifies them."""
