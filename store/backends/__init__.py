"""Store backends; a backend is reached by its name in halo.yaml (`store.backend`)."""
