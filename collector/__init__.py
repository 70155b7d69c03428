"""Both edges of the sidecar: spans in, reports out.

Floor 4. Meets the scheduler only in the store, and never analyses.
"""
