"""Takes secrets and personal data out of telemetry of every signal before anything is written or sent on.

A request in which no rule finds anything passes byte for byte. Fields that this OTLP version does not know cannot be
looked into and are left out. If redacting fails the request is refused: nothing passes unseen.
"""

import re
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from collector.processing import Batch, Processor
from collector.redaction.messages import Messages
from collector.redaction.patterns import PII, SECRETS, Pattern
from collector.redaction.texts import Texts, anchors
from domain.component import ComponentConfig
from domain.errors import PermanentError
from telemetry.metrics import REDACTED_VALUES


class Config(ComponentConfig):
    """What to take out, and what to put in its place."""

    secrets: bool = Field(
        default=True, description="Take out keys, tokens, private keys and passwords of well-known shapes and names."
    )
    pii: tuple[Literal["email", "phone", "credit_card", "iban", "us_ssn", "ip"], ...] = Field(
        default=(), description="Kinds of personal data to take out."
    )
    patterns: dict[str, str] = Field(
        default_factory=dict,
        description="Own rules: name and regular expression; of a group called `value` only that is taken out. "
        "Avoid nested repetition: the expression runs on untrusted text.",
    )
    allow: tuple[str, ...] = Field(
        default=(), description="Globs of attribute keys; when set, all other attributes are removed."
    )
    deny: tuple[str, ...] = Field(
        default=(), description="Globs of keys, in JSON inside of texts too, whose value is replaced."
    )
    hash: tuple[str, ...] = Field(
        default=(), description="Globs of keys whose value becomes a pseudonym, the same for the same value."
    )
    hash_key: SecretStr = Field(default=SecretStr(""), description="Key of the pseudonyms (HMAC-SHA256).")
    replacement: str = Field(
        default="[REDACTED:{rule}]", description="What stands for a value; {rule} is the rule that took it."
    )

    @field_validator("patterns")
    @classmethod
    def _compiles(cls, patterns: dict[str, str]) -> dict[str, str]:
        for name, expression in patterns.items():
            try:
                matches_nothing = re.compile(expression).match("") is not None
            except re.error as error:
                raise ValueError(f"{name}: is no regular expression: {error}; correct it") from None
            if matches_nothing:
                raise ValueError(f"{name}: matches the empty text; make it ask for at least one character")
        return patterns

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        if self.hash and not self.hash_key.get_secret_value():
            raise ValueError("hash needs hash_key; set it, e.g. to ${env:HALO_HASH_KEY}")
        return self


def create(config: Config, *, name: str) -> "Redact":
    """A processor that holds all requests to the rules of its settings."""
    return Redact(config, name)


class Redact(Processor):
    """Redacts batches; every replacement is counted by its rule."""

    def __init__(self, config: Config, name: str) -> None:
        patterns = [
            *(SECRETS if config.secrets else ()),
            *(Pattern(each, re.compile(expression)) for each, expression in config.patterns.items()),
            *(PII[kind] for kind in config.pii),
        ]
        texts = Texts(
            patterns,
            secret_keys=config.secrets,
            deny=config.deny,
            hashed=config.hash,
            hash_key=config.hash_key.get_secret_value().encode(),
            replacement=config.replacement,
            hit=lambda rule: REDACTED_VALUES.labels(name, rule).inc(),
        )
        self._messages = Messages(texts, config.allow)
        found = anchors(patterns, looks_everywhere=bool(config.allow or config.deny or config.hash))
        self._anchors = None if found is None else tuple(anchor.encode() for anchor in found)
        self._name = name

    async def process(self, batch: Batch) -> Batch:
        """The batch without what the rules forbid; PermanentError, without content, when that could not be done.

        Bytes that the parsed message does not show (unknown fields, a field given twice) are left out as well.
        """
        try:
            return self._redacted(batch)
        except Exception as error:
            raise PermanentError(
                f"processors.{self._name}: the request could not be redacted "
                f"({type(error).__name__}) and was not kept; report it as a bug of HALO"
            ) from None

    def _redacted(self, batch: Batch) -> Batch:
        message = batch.message
        message.DiscardUnknownFields()
        if message.ByteSize() == len(batch.request) and not self._may_hold(batch.request):
            return batch
        changed = self._messages.redact(message)
        return batch.with_message(message) if changed or message.ByteSize() != len(batch.request) else batch

    def _may_hold(self, request: bytes) -> bool:
        if self._anchors is None:
            return True
        lowered = request.lower()
        return any(anchor in lowered for anchor in self._anchors)
