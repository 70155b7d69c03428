"""The model's way of looking: an agent loop over a window's traces that may only make checkable claims.

Other rooms and callers see only the public modules; their import paths, names and defaults are those of the
HALO engine package, so that a script written for it runs unchanged:
`engine.engine_config`, `engine.model_config`, `engine.model_provider_config`, `engine.agents.agent_config`,
`engine.models.messages` and `engine.models.engine_output`.
"""
