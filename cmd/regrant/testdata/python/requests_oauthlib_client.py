"""requests-oauthlib, which knows OAuth 2.0 only: it asks userinfo who came, and refreshes by itself when a token is over."""
import requests
from oauthlib.oauth2 import InvalidGrantError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from person import finish, given, pkce, visit

metadata = requests.get(given["issuer"] + "/.well-known/oauth-authorization-server").json()
auth = HTTPBasicAuth(given["client_id"], given["client_secret"])
saved = []
session = OAuth2Session(given["client_id"], scope=given["scope"].split(), redirect_uri=given["redirect_uri"], auto_refresh_url=metadata["token_endpoint"],
                        token_updater=saved.append)
verifier, challenge = pkce()
url, _ = session.authorization_url(metadata["authorization_endpoint"], code_challenge=challenge, code_challenge_method="S256", prompt="consent")
saved.append(session.fetch_token(metadata["token_endpoint"], authorization_response=visit(url), auth=auth, code_verifier=verifier))

subjects = set()
for _ in range(10):
    session.token = {**saved[-1], "expires_in": -30, "expires_at": 1}  # as if it were over
    person = session.get(metadata["userinfo_endpoint"], client_id=given["client_id"], client_secret=given["client_secret"])
    person.raise_for_status()
    subjects.add(person.json()["sub"])
assert len(subjects) == 1

form = {"token": saved[-1]["refresh_token"], "token_type_hint": "refresh_token"}
requests.post(metadata["revocation_endpoint"], data=form, auth=auth).raise_for_status()
try:
    session.refresh_token(metadata["token_endpoint"], refresh_token=saved[-1]["refresh_token"], auth=auth)
    raise SystemExit("a revoked token was refreshed")
except InvalidGrantError:
    pass
finish(email=person.json()["email"], access_tokens=len({t["access_token"] for t in saved}))
