"""Who may send: bearer tokens and basic credentials, compared in constant time before a request is read.

Sources: RFC 6750 (bearer), RFC 7617 (basic), RFC 9110 section 11 (schemes in any case, WWW-Authenticate).
"""

import base64
import hashlib
import hmac
from typing import Annotated, Self

from google.rpc import code_pb2
from pydantic import Field, SecretStr, WithJsonSchema, field_validator, model_validator

from collector.otlp.answers import Refusal
from domain.component import ComponentConfig

MISSING = "the authorization header is missing; set it among the exporter's headers (OTEL_EXPORTER_OTLP_HEADERS)"
WRONG = "the credentials in the authorization header are not valid; correct the exporter's headers"
_TEXT = {"type": "string", "format": "password"}
_ONE_OR_MANY = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}


class AuthConfig(ComponentConfig):
    """The credentials of which a sender must have one."""

    bearer: Annotated[tuple[SecretStr, ...], WithJsonSchema(_ONE_OR_MANY)] = Field(
        default=(), description="A token, or a list of tokens, each of which lets a sender in."
    )
    bearer_scheme: str = Field(
        default="Bearer", description="The word before the token; empty when the header is the token alone."
    )
    basic: dict[str, SecretStr] = Field(default_factory=dict, description="Users and their passwords.")

    @field_validator("bearer", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        tokens = value if isinstance(value, list | tuple) else [value]
        if not all(isinstance(token, str | SecretStr) for token in tokens):
            raise ValueError("a token is text; write it in quotes")
        return tokens

    @field_validator("bearer", "basic")
    @classmethod
    def _none_is_empty(
        cls, value: tuple[SecretStr, ...] | dict[str, SecretStr]
    ) -> tuple[SecretStr, ...] | dict[str, SecretStr]:
        secrets = value.values() if isinstance(value, dict) else value
        if not all(secret.get_secret_value() for secret in secrets):
            raise ValueError("an empty secret would let everybody in; set it, or remove it")
        return value

    @model_validator(mode="after")
    def _lets_somebody_in(self) -> Self:
        if not self.bearer and not self.basic:
            raise ValueError("needs bearer or basic; set one of them, or remove auth")
        if any(":" in user for user in self.basic):
            raise ValueError("basic: a user name has no colon; choose another name")
        return self


class Guard:
    """Judges authorization headers; it keeps hashes of what it accepts, not the secrets."""

    def __init__(self, config: AuthConfig) -> None:
        self._accepted = [_hash(config.bearer_scheme, token.get_secret_value()) for token in config.bearer]
        self._accepted += [_hash("basic", _encoded(user, word)) for user, word in config.basic.items()]
        self._is_bare = not config.bearer_scheme
        schemes = [config.bearer_scheme] if config.bearer and config.bearer_scheme else []
        schemes += ['Basic realm="halo", charset="UTF-8"'] if config.basic else []
        self.challenge = ", ".join(schemes) or "Bearer"

    def refusal(self, header: str | None) -> Refusal | None:
        """Why a request with this authorization header is not taken; None when it is."""
        if not header:
            return _refused(MISSING)
        scheme, _, value = header.strip().partition(" ")
        given = [_hash(scheme, value.strip())] + ([_hash("", header.strip())] if self._is_bare else [])
        # Every one is compared, so that the time taken does not tell which was near.
        matches = [hmac.compare_digest(each, accepted) for each in given for accepted in self._accepted]
        return None if any(matches) else _refused(WRONG)


def _refused(message: str) -> Refusal:
    return Refusal(401, code_pb2.UNAUTHENTICATED, message, reason="unauthenticated")


def _hash(scheme: str, value: str) -> bytes:
    # Bytes of a header that are no UTF-8 arrive as lone surrogates.
    return hashlib.sha256(f"{scheme.lower()} {value}".encode(errors="surrogateescape")).digest()


def _encoded(user: str, password: SecretStr) -> str:
    return base64.b64encode(f"{user}:{password.get_secret_value()}".encode()).decode()
