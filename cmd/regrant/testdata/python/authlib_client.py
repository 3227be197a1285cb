"""Authlib's OAuth 2.0 session, with the ID token checked by its JOSE half."""
import secrets

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.oidc.core import CodeIDToken

from person import finish, given, pkce, visit

metadata = requests.get(given["issuer"] + "/.well-known/openid-configuration").json()
keys = JsonWebKey.import_key_set(requests.get(metadata["jwks_uri"]).json())
session = OAuth2Session(given["client_id"], given["client_secret"], scope=given["scope"], redirect_uri=given["redirect_uri"],
                        token_endpoint_auth_method="client_secret_basic", code_challenge_method="S256", token_endpoint=metadata["token_endpoint"])
verifier, _ = pkce()
nonce = secrets.token_urlsafe(16)
url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce, prompt="consent")
token = session.fetch_token(metadata["token_endpoint"], authorization_response=visit(url), state=state, code_verifier=verifier)


def verified(token, nonce=None):
    options = {"iss": {"essential": True, "value": metadata["issuer"]}, "aud": {"essential": True, "value": given["client_id"]}}
    params = {"access_token": token["access_token"]}
    if nonce:
        params["nonce"] = nonce
    claims = JsonWebToken(["RS256"]).decode(token["id_token"], keys, claims_cls=CodeIDToken, claims_options=options, claims_params=params)
    claims.validate()
    return claims


subject = verified(token, nonce)["sub"]
seen = {token["access_token"]}
for _ in range(10):
    token = session.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
    assert verified(token)["sub"] == subject
    seen.add(token["access_token"])
person = session.get(metadata["userinfo_endpoint"]).json()
assert person["sub"] == subject

session.revoke_token(metadata["revocation_endpoint"], token=token["refresh_token"], token_type_hint="refresh_token").raise_for_status()
try:
    session.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
    raise SystemExit("a revoked token was refreshed")
except OAuthError as e:
    assert e.error == "invalid_grant", e
finish(email=person["email"], access_tokens=len(seen))
