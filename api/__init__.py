"""Health, metrics, the REST control API and its client.

Floor 5. Everything it knows it asks the store; the only thing it does by itself is to leave notes there.
"""
