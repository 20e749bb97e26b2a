"""What the data contract asks of tables: computed here as facts, judged in the room check."""
