"""The person in front of these clients is the test that started them: it is told where the browser has to go, and says where it arrived."""
import base64
import hashlib
import json
import os
import secrets
import sys

given = json.loads(os.environ["CLIENT"])


def visit(url):
    """Send the person's browser to an address, and give the one at which it comes back to the client."""
    print(json.dumps({"visit": url}), flush=True)
    arrived = sys.stdin.readline().strip()
    if not arrived:
        raise SystemExit("nobody came back")
    return arrived


def finish(**result):
    print(json.dumps({"done": result}), flush=True)


def pkce():
    """A code verifier and its S256 challenge, RFC 7636."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
