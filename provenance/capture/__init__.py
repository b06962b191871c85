"""Foreign records and hook payloads to outputs: one module an assistant or record format. It loads nothing itself."""
