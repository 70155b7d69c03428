"""Where the model is and which key opens it: settings first, then the environment."""

import pytest

from domain.errors import ConfigError, PermanentError
from engine.llm.connecting import access, connect
from engine.llm.scripted import Reply, ScriptedServer
from engine.model_provider_config import ModelProviderConfig
from tests.engine.llm.playing import call


async def test_the_environment_fills_what_the_settings_leave_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key belongs into the environment, not into a file."""
    with ScriptedServer([Reply(text="hi")]) as server:
        monkeypatch.setenv("OPENAI_API_KEY", " from-the-environment\n")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        async with connect(ModelProviderConfig()) as model:
            assert (await model.answer(call())).text == "hi"

    assert server.requests[0].headers["authorization"] == "Bearer from-the-environment"


async def test_settings_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names an endpoint means it."""
    monkeypatch.setenv("OPENAI_API_KEY", "another-key")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with ScriptedServer([Reply(text="hi")]) as server:
        async with connect(ModelProviderConfig(base_url=server.base_url, api_key="mine")) as model:
            await model.answer(call())

    assert server.requests[0].headers["authorization"] == "Bearer mine"


async def test_openai_without_a_key_names_the_variable_to_set() -> None:
    """It is the first message a new user meets."""
    with pytest.raises(PermanentError) as caught:
        async with connect(ModelProviderConfig()):
            pass

    assert str(caught.value) == "api.openai.com needs a key: set OPENAI_API_KEY, or run without a model"


async def test_other_endpoints_do_without_a_key() -> None:
    """Local models have none."""
    with ScriptedServer([Reply(text="hi")]) as server:
        async with connect(ModelProviderConfig(base_url=server.base_url)) as model:
            assert (await model.answer(call())).text == "hi"


async def test_a_header_may_stand_in_for_the_key() -> None:
    """Gateways in front of OpenAI take a token of their own."""
    assert access(ModelProviderConfig(default_headers={"Authorization": "Bearer gateway"})).base_url is None


@pytest.mark.parametrize("base_url", ["localhost:8000/v1", "ftp://host/v1", "https://", "/v1"])
def test_an_address_that_is_none_is_refused_before_the_first_request(base_url: str) -> None:
    """The client would try it six times and call it a connection error."""
    with pytest.raises(ConfigError, match="has to begin with http:// or https://"):
        access(ModelProviderConfig(base_url=base_url))


def test_a_key_that_no_header_can_carry_is_refused_unseen() -> None:
    """Keys are pasted, with quotes of a word processor around them; the message must not show the rest."""
    with pytest.raises(PermanentError) as caught:
        access(ModelProviderConfig(api_key="“tk-a1b2c3”"))

    assert "a1b2c3" not in str(caught.value)


@pytest.mark.parametrize("base_url", ["http://user:pass@host:8000/v1", "http://host:8000/v1"])
def test_an_endpoint_is_named_without_what_opens_it(base_url: str) -> None:
    """A URL may carry a password, and it stands in every error line."""
    door = access(ModelProviderConfig(base_url=base_url, api_key="tk-secret"))

    assert door.host == "host:8000"
    assert "tk-secret" not in repr(door)


@pytest.mark.parametrize(("name", "value"), [("X Key", "sesame"), ("X-Key", "sesame\r\nX-B: 1"), ("X-Key", "sesamé")])
def test_a_header_that_cannot_be_sent_is_refused_before_the_first_request(name: str, value: str) -> None:
    """The client would call it a fault of the connection and try it six times; the value is a secret."""
    with pytest.raises(ConfigError) as caught:
        access(ModelProviderConfig(base_url="http://127.0.0.1:9/v1", default_headers={name: value}))

    (said,) = caught.value.problems
    assert repr(name) in said
    assert "sesam" not in said
