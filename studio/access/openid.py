"""Log in by OpenID Connect: the code flow with PKCE, state and nonce, at a provider such as
Keycloak or the Hugging Face hub."""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import requests
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from backends.errors import BadInput, NotAllowed, Unreachable
from backends.sentences import Sentence
from backends.settings import Settings, on_a_space

__all__ = ["HUB_PROVIDER", "LoggedIn", "OpenID"]

HUB_PROVIDER = "https://huggingface.co"
WAITING, LONGEST = 10_000, 600.0  # logins under way, and seconds that one may take
KNOWN = 3600.0  # seconds for which the provider's description and keys are kept
PATIENCE = 10.0  # seconds for each answer of the provider
LEEWAY = 30  # seconds by which its clock may differ
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]  # all by public keys
AGAIN = Sentence("log in once more")


@dataclass(frozen=True)
class LoggedIn:
    """Who has logged in.

    :ivar token: of theirs at the provider.
    """

    name: str
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class _Waiting:
    nonce: str
    verifier: str
    redirect: str
    back: str
    until: float


class OpenID:
    """A provider, and the logins that are under way there.

    :param issuer: its address, where ``.well-known/openid-configuration`` lies.
    :param claim: of the ID token, which is the person's name here; ``sub`` where it is not there.
    """

    def __init__(
        self, issuer: str, client_id: str, secret: str, *, claim: str = "preferred_username",
        scopes: str = "openid profile", address: str = "",
    ) -> None:  # fmt: skip
        self.issuer, self._id, self._secret = issuer.rstrip("/"), client_id, secret
        self._claim, self._scopes, self._address = claim, scopes, address.rstrip("/")
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._about: tuple[float, dict[str, Any], KeySet] | None = None

    @classmethod
    def of(cls, found: Settings) -> OpenID | None:
        """The provider of the settings, or of the Space that this is; None where there is none.

        :raises BadInput: a part of the settings is missing.
        """
        if found.openid_issuer:
            if not found.openid_client or not found.openid_secret:
                raise BadInput(
                    "STUDIO_OPENID_ISSUER is set; set STUDIO_OPENID_CLIENT and "
                    "STUDIO_OPENID_SECRET, too"
                )
            return cls(
                found.openid_issuer, found.openid_client, found.openid_secret.get_secret_value(),
                claim=found.openid_claim, address=found.address,
            )  # fmt: skip
        if on_a_space() and os.environ.get("OAUTH_CLIENT_ID"):
            scopes = os.environ.get("OAUTH_SCOPES", "")
            return cls(
                os.environ.get("OPENID_PROVIDER_URL", HUB_PROVIDER),
                os.environ["OAUTH_CLIENT_ID"], os.environ.get("OAUTH_CLIENT_SECRET", ""),
                scopes=" ".join(dict.fromkeys(["openid", "profile", *scopes.split()])),
                address=f"https://{os.environ.get('SPACE_HOST', '').split(',')[0]}",
            )  # fmt: skip
        return None

    @property
    def of_the_hub(self) -> bool:
        """Whether people log in with an account of the Hugging Face hub."""
        return self.issuer == HUB_PROVIDER

    def called(self, address: str) -> str:
        """By what address people call the studio: as the settings say, else as they did."""
        return self._address or address

    async def begin(self, address: str, back: str) -> tuple[str, str]:
        """Where to send somebody who wants to log in, and the state that their browser keeps.

        :param address: of the studio, as they call it, unless the settings name one.
        :param back: the page to come back to.
        :raises Unreachable: the provider does not answer.
        """
        about, _ = await asyncio.to_thread(self._provider)
        state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        verifier = secrets.token_urlsafe(48)
        redirect = f"{self.called(address)}/auth"
        with self._client(redirect) as client:
            where, _ = client.create_authorization_url(
                about["authorization_endpoint"], state=state, nonce=nonce,
                code_verifier=verifier,
            )  # fmt: skip
        until = time.monotonic() + LONGEST
        self._waiting[state] = _Waiting(nonce, verifier, redirect, back, until)
        while len(self._waiting) > WAITING:
            self._waiting.popitem(last=False)
        return str(where), state

    async def finish(self, query: dict[str, str], kept: str) -> tuple[LoggedIn, str]:
        """Who comes back from the provider, and the page that they wanted.

        :param query: what the provider says.
        :param kept: the state that their browser kept.
        :raises NotAllowed: they did not log in, or something is not as it should be.
        :raises Unreachable: the provider does not answer.
        """
        state = query.get("state", "")
        if not state or not hmac.compare_digest(state.encode(), kept.encode()):
            raise NotAllowed("this login was not begun in this browser; {again}", again=AGAIN)
        begun = self._waiting.pop(state, None)
        if begun is None or begun.until < time.monotonic():
            raise NotAllowed("this login has taken too long; {again}", again=AGAIN)
        if "code" not in query:
            raise NotAllowed("the provider did not log you in; {again}", again=AGAIN)
        about, keys = await asyncio.to_thread(self._provider)
        token = await asyncio.to_thread(self._exchanged, about, query["code"], begun)
        claims = self._checked(token.get("id_token", ""), about["issuer"], keys, begun.nonce)
        name = str(claims.get(self._claim) or claims["sub"])
        if self._claim == "email" and claims.get("email_verified") is not True:
            raise NotAllowed("your mail address is not verified at the provider; verify it there")
        return LoggedIn(name[:200], str(token.get("access_token", ""))), begun.back

    def _client(self, redirect: str) -> OAuth2Session:
        return OAuth2Session(
            self._id, self._secret, scope=self._scopes, redirect_uri=redirect,
            code_challenge_method="S256",
        )  # fmt: skip

    def _exchanged(self, about: dict[str, Any], code: str, begun: _Waiting) -> dict[str, Any]:
        try:
            with self._client(begun.redirect) as client:
                found = client.fetch_token(
                    about["token_endpoint"], code=code, code_verifier=begun.verifier,
                    grant_type="authorization_code", timeout=PATIENCE,
                )  # fmt: skip
        except requests.ConnectionError as error:
            raise Unreachable("the login's provider does not answer; try again later") from error
        except Exception as error:  # whatever it refuses, authlib raises
            raise NotAllowed(
                "the provider does not take this login; {again}", again=AGAIN
            ) from error
        return dict(found)

    def _checked(self, id_token: str, issuer: str, keys: KeySet, nonce: str) -> dict[str, Any]:
        """What an ID token says, if it is of the provider, for us, of this login, and holds yet."""
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY, iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": self._id}, exp={"essential": True},
            iat={"essential": True}, sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )  # fmt: skip
        try:
            claims = jwt.decode(id_token, keys, algorithms=ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError) as error:
            raise NotAllowed("the provider's answer is not valid; {again}", again=AGAIN) from error
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", self._id) != self._id or (several and "azp" not in claims):
            raise NotAllowed("the provider's answer is for another program; {again}", again=AGAIN)
        return dict(claims)

    def _provider(self) -> tuple[dict[str, Any], KeySet]:
        """The provider's description of itself and its keys."""
        if self._about and self._about[0] > time.monotonic():
            return self._about[1:]
        try:
            about = _answer(f"{self.issuer}/.well-known/openid-configuration")
            if str(about["issuer"]).rstrip("/") != self.issuer:
                raise ValueError("another issuer")
            found = about, KeySet.import_key_set(_answer(about["jwks_uri"]))
        except (requests.RequestException, ValueError, KeyError, TypeError, JoseError) as error:
            raise Unreachable(
                "the login's provider {issuer} does not answer as it should; try again later",
                issuer=self.issuer,
            ) from error
        self._about = (time.monotonic() + KNOWN, *found)
        return found


def _answer(address: str) -> Any:
    reply = requests.get(address, timeout=PATIENCE)
    reply.raise_for_status()
    return reply.json()
