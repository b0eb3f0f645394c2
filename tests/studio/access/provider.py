"""A small OpenID Connect provider that listens on this machine, and signs with a key of its own."""

import base64
import hashlib
import json
import secrets
import threading
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
import uvicorn
from fastapi import FastAPI, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from studio.ui.serving import free_port

CLIENT, SECRET = "studio", "a secret of the studio's"


class Provider:
    """Whoever comes is ``person``; ``wrong`` replaces claims of the next ID tokens."""

    def __init__(self):
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.person = {"sub": "17", "preferred_username": "ada"}
        self.wrong, self.codes, self.signs_with = {}, {}, None
        self.port = free_port("127.0.0.1")
        self.issuer = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(self._routes(), port=self.port, log_level="error")
        self.server = uvicorn.Server(config)
        threading.Thread(target=self.server.run, daemon=True).start()
        while not self.server.started:
            time.sleep(0.02)

    def _routes(self):
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def about():
            return {
                "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
            }  # fmt: skip

        @app.get("/keys")
        def keys():
            return KeySet([self.key]).as_dict(private=False)

        @app.get("/authorize")
        def authorize(request: Request):
            asked = dict(request.query_params)
            assert asked["client_id"] == CLIENT
            assert asked["response_type"] == "code"
            assert asked["code_challenge_method"] == "S256"
            assert "openid" in asked["scope"].split()
            code = secrets.token_urlsafe(16)
            self.codes[code] = asked
            back = urlencode({"code": code, "state": asked["state"]})
            return RedirectResponse(f"{asked['redirect_uri']}?{back}", 302)

        @app.post("/token")
        def token(
            request: Request, code: str = Form(), redirect_uri: str = Form(),
            code_verifier: str = Form(),
        ):  # fmt: skip
            known = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
            asked = self.codes.pop(code, None)
            if request.headers.get("authorization") != f"Basic {known}" or asked is None:
                return JSONResponse({"error": "invalid_client"}, 401)
            digest = hashlib.sha256(code_verifier.encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if challenge != asked["code_challenge"] or redirect_uri != asked["redirect_uri"]:
                return JSONResponse({"error": "invalid_grant"}, 400)
            now = int(time.time())
            claims = {
                "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300,
                "nonce": asked["nonce"], **self.person, **self.wrong,
            }  # fmt: skip
            claims = {name: value for name, value in claims.items() if value is not None}
            return {
                "access_token": "ada's own token", "token_type": "Bearer", "expires_in": 300,
                "id_token": self._signed(claims),
            }  # fmt: skip

        return app

    def _signed(self, claims):
        if self.signs_with == "none":
            parts = [b'{"alg":"none"}', json.dumps(claims).encode()]
            return ".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in parts) + "."
        if self.signs_with == "another key":
            key = ECKey.generate_key("P-256", {"kid": "one"})
            return jwt.encode({"alg": "ES256", "kid": "one"}, claims, key)
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)

    def visit(self, where):
        """What a browser that was sent here is sent back to."""
        reply = requests.get(where, allow_redirects=False, timeout=10)
        assert reply.status_code == 302, reply.text
        return reply.headers["location"]


def query_of(address):
    """The query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
