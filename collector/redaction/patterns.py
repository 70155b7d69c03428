"""What secrets and personal data look like.

Every repetition is bounded or possessive, so that no text makes a search slow. `anchors` are lower-case pieces one of
which every match contains: text without any is not searched at all.
"""

import re
from collections.abc import Callable
from typing import NamedTuple


class Pattern(NamedTuple):
    """A named expression; its group `value`, or else the whole match, is what gets replaced."""

    name: str
    expression: re.Pattern[str]
    anchors: tuple[str, ...] = ()
    holds: Callable[[str], bool] | None = None
    """What a match must also satisfy, such as a checksum."""


def _secret(name: str, expression: str, *anchors: str) -> Pattern:
    return Pattern(name, re.compile(expression), anchors)


def luhn(text: str) -> bool:
    """Whether the digits of a card number add up (ISO/IEC 7812-1)."""
    digits = [int(each) for each in reversed(text) if each.isdecimal()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def iban(text: str) -> bool:
    """Whether the check digits of an IBAN fit (ISO 13616)."""
    plain = text.replace(" ", "")
    return int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1


_NAMES = (
    r"(?:password|passwd|api[_-]?key|client[_-]?secret|secret[_-]?key|secret[_-]?access[_-]?key|private[_-]?key"
    r"|access[_-]?token|auth[_-]?token|refresh[_-]?token)"
)
SECRET_KEY = re.compile(rf"(?:[\w.-]{{0,64}}[_.-])?{_NAMES}", re.IGNORECASE)
"""Names whose value is a secret whatever it looks like."""
KEY_ANCHORS = (
    "passw",
    *(
        f"{first}{gap}{last}"
        for first, last in (
            ("api", "key"),
            ("client", "secret"),
            ("secret", "key"),
            ("access", "token"),
            ("auth", "token"),
            ("secret", "access"),
            ("private", "key"),
            ("refresh", "token"),
        )
        for gap in ("", "_", "-")
    ),
)

SECRETS = (
    _secret(
        "private_key",
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?s:.{0,16384}?-----END [A-Z ]{0,30}PRIVATE KEY-----|.{0,16384})",
        "-----begin",
    ),
    _secret("anthropic_key", r"sk-ant-[\w-]{16,256}", "sk-ant-"),
    _secret("openai_key", r"(?<![A-Za-z0-9])sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,256}", "sk-"),
    _secret("stripe_key", r"(?<![A-Za-z0-9])[rs]k_(?:live|test)_[A-Za-z0-9]{16,256}", "k_live_", "k_test_"),
    _secret("aws_key", r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])", "akia", "asia"),
    _secret("gcp_key", r"AIza[\w-]{35}", "aiza"),
    _secret(
        "github_token",
        r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255}",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
    ),
    _secret("gitlab_token", r"glpat-[\w-]{20,64}", "glpat-"),
    _secret("slack_token", r"xox[abposr]-[A-Za-z0-9-]{10,256}|xapp-[A-Za-z0-9-]{10,256}", "xox", "xapp-"),
    _secret("jwt", r"(?<![\w-])eyJ[\w-]{8,8192}\.eyJ[\w-]{8,65536}\.[\w-]{8,8192}", "eyj"),
    _secret(
        "authorization",
        r"(?i:\b(?:bearer|basic)\s{1,8})(?P<value>(?=[A-Za-z_.~+/-]{0,256}\d)[\w.~+/-]{16,8192}={0,2})",
        "bearer",
        "basic",
    ),
    _secret(
        "azure_key",
        r"(?i:(?:AccountKey|SharedAccessKey)=)(?P<value>[A-Za-z0-9+/]{40,100}={0,2})",
        "accesskey=",
        "accountkey=",
    ),
    _secret(
        "connection_string", r"[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s:/@\"']{0,128}:(?P<value>[^\s/\"']{1,256})@", "://"
    ),
    _secret(
        "assignment",
        rf"(?i:{_NAMES})\\{{0,4}}[\"']?\s{{0,8}}[:=]\s{{0,8}}\\{{0,4}}(?P<quote>[\"'])?"
        r"(?P<value>(?(quote)(?:(?!(?P=quote)).){1,512}|[^\s\"'&,;{}\[\]]{1,512}))",
        *KEY_ANCHORS,
    ),
)
PII = {
    "email": Pattern("email", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), ("@",)),
    "credit_card": Pattern("credit_card", re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w])"), (), luhn),
    "iban": Pattern("iban", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b"), (), iban),
    "us_ssn": Pattern("us_ssn", re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])"), ("-",)),
    "phone": Pattern("phone", re.compile(r"(?<![\w+])\+\d{1,3}(?:[ ().-]{0,2}\d){7,12}(?!\w)"), ("+",)),
    "ip": Pattern(
        "ip",
        re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.])"),
        (".",),
    ),
}
