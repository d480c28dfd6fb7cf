"""JSON Web Tokens of a provider: forged, expired and confused ones are refused."""

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from plumbline.access.jwt import JwtSettings, Verifier
from plumbline.errors import AccessError, ConfigurationError

ISSUER, AUDIENCE = "https://login.example.com", "plumbline"


def private_key(kind):
    return (
        rsa.generate_private_key(65537, 2048) if kind == "RS256" else ec.generate_private_key(ec.SECP256R1())
    )


@pytest.fixture(scope="module")
def keys():
    return {kind: private_key(kind) for kind in ("RS256", "ES256")}


def pem(key):
    kind, style = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(kind, style)


def jwks(keys):
    writers = {"RS256": jwt.algorithms.RSAAlgorithm, "ES256": jwt.algorithms.ECAlgorithm}
    found = [
        {**writers[kind].to_jwk(key.public_key(), as_dict=True), "kid": kind, "alg": kind}
        for kind, key in keys.items()
    ]
    return json.dumps({"keys": found})


@pytest.fixture
def verifier(keys, tmp_path):
    (tmp_path / "keys.json").write_text(jwks(keys), encoding="utf-8")
    return Verifier(JwtSettings(ISSUER, (AUDIENCE,), jwks_file=tmp_path / "keys.json"))


def claims(**changes):
    found = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": time.time() + 60, **changes}
    return {name: value for name, value in found.items() if value is not None}


def signed(keys, kind="RS256", **changes):
    return jwt.encode(claims(**changes), keys[kind], algorithm=kind, headers={"kid": kind})


def refused(verifier, text):
    with pytest.raises(AccessError) as error:
        verifier.check(text)
    return error.value.code


@pytest.mark.parametrize("kind", ["RS256", "ES256"])
def test_a_signed_token_names_its_account(verifier, keys, kind):
    assert verifier.check(signed(keys, kind)).account == "ann"


def test_a_key_file_does_as_well(keys, tmp_path):
    (tmp_path / "key.pem").write_bytes(pem(keys["RS256"]))
    verifier = Verifier(JwtSettings(ISSUER, (AUDIENCE,), key_file=tmp_path / "key.pem"))
    assert verifier.check(signed(keys)).account == "ann"
    assert refused(verifier, signed(keys, "ES256")) == "bad-token"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example.com"},
        {"aud": "another"},
        {"iss": None},
        {"aud": None},
        {"exp": None},
        {"sub": None},
        {"sub": 7},
        {"nbf": time.time() + 3_600},
    ],
)
def test_a_token_for_somebody_else_is_refused(verifier, keys, changes):
    with pytest.raises((AccessError, TypeError)):
        verifier.check(signed(keys, **changes))


def test_an_expired_token_is_refused_beyond_the_leeway(verifier, keys):
    assert verifier.check(signed(keys, exp=time.time() - 10))
    assert refused(verifier, signed(keys, exp=time.time() - 60)) == "expired-token"


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_without_a_signature_is_refused(verifier):
    for name in ("none", "None", "NONE", ""):
        assert refused(verifier, f"{part({'alg': name, 'typ': 'JWT'})}.{part(claims())}.") == "bad-token"


def test_the_public_key_is_no_secret_for_hmac(keys, tmp_path):
    """The confusion of algorithms: HMAC with what everybody knows."""
    (tmp_path / "key.pem").write_bytes(pem(keys["RS256"]))
    verifier = Verifier(JwtSettings(ISSUER, (AUDIENCE,), key_file=tmp_path / "key.pem"))
    body = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims())}"
    digest = hmac.new(pem(keys["RS256"]), body.encode(), hashlib.sha256).digest()
    forged = f"{body}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    assert refused(verifier, forged) == "bad-token"


def test_a_key_is_for_its_own_algorithm_alone(verifier, keys):
    confused = jwt.encode(claims(), keys["ES256"], algorithm="ES256", headers={"kid": "RS256"})
    assert refused(verifier, confused) == "bad-token"


def test_another_key_of_the_same_name_is_refused(verifier):
    other = {"RS256": private_key("RS256")}
    assert refused(verifier, signed(other)) == "bad-token"


def test_a_key_that_the_token_brings_along_is_not_taken(verifier):
    other = private_key("RS256")
    brought = jwt.algorithms.RSAAlgorithm.to_jwk(other.public_key(), as_dict=True)
    headers = {"jwk": brought, "jku": "https://elsewhere.example.com/keys", "kid": "theirs"}
    assert refused(verifier, jwt.encode(claims(), other, algorithm="RS256", headers=headers)) == "bad-token"


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "....", "e30.e30.", "plumb"])
def test_what_is_no_token_is_refused(verifier, text):
    assert refused(verifier, text) == "bad-token"


def test_claims_name_account_and_role(keys, tmp_path):
    (tmp_path / "keys.json").write_text(jwks(keys), encoding="utf-8")
    settings = JwtSettings(
        ISSUER,
        (AUDIENCE,),
        account_claim="email",
        accounts={"ann@example.com": "ann"},
        role_claim="plumbline_role",
        scope_claim="scope",
        jwks_file=tmp_path / "keys.json",
    )
    told = {"email": "ann@example.com", "plumbline_role": "boss", "scope": "query openid"}
    found = Verifier(settings).check(signed(keys, **told))
    assert (found.account, found.role, found.scopes) == ("ann", "boss", {"query", "openid"})
    assert refused(Verifier(settings), signed(keys, email="eve@example.com")) == "unknown-account"


class Provider:
    """A provider whose keys change; counts how often it is asked."""

    def __init__(self, text):
        self.text, self.asked, self.now = text, 0, 0.0

    def fetch(self, url):
        self.asked += 1
        if not self.text:
            raise OSError("down")
        return self.text


def by_url(provider):
    settings = JwtSettings(ISSUER, (AUDIENCE,), jwks_url="https://login.example.com/keys")
    return Verifier(settings, provider.fetch, lambda: provider.now)


def test_keys_of_a_url_are_fetched_once(keys):
    provider = Provider(jwks(keys))
    verifier = by_url(provider)
    for _ in range(5):
        verifier.check(signed(keys))
    assert provider.asked == 1


def test_a_new_key_is_fetched_and_unknown_ones_do_not_flood_the_provider(keys):
    provider = Provider(jwks({"ES256": keys["ES256"]}))
    verifier = by_url(provider)
    verifier.check(signed(keys, "ES256"))
    provider.text = jwks(keys)
    assert refused(verifier, signed(keys)) == "bad-token"
    provider.now = 31
    assert verifier.check(signed(keys)).account == "ann"
    for _ in range(5):
        refused(verifier, jwt.encode(claims(), keys["RS256"], algorithm="RS256", headers={"kid": "x"}))
    assert provider.asked == 2


def test_known_keys_outlive_a_provider_that_is_down(keys):
    provider = Provider(jwks(keys))
    verifier = by_url(provider)
    verifier.check(signed(keys))
    provider.text, provider.now = "", 601
    for _ in range(3):
        assert verifier.check(signed(keys)).account == "ann"
    assert provider.asked == 2


def test_secrets_and_nonsense_are_no_keys(tmp_path):
    for text in ("", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "1"}]}'):
        (tmp_path / "keys.json").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigurationError, match="keys"):
            Verifier(JwtSettings(ISSUER, (AUDIENCE,), jwks_file=tmp_path / "keys.json")).prepare()


def test_a_key_that_is_put_into_the_file_is_taken_and_one_that_is_gone_is_not(keys, tmp_path):
    """Without a restart: a key whose secret is known to others has to end at once."""
    path = tmp_path / "keys.json"
    path.write_text(jwks({"RS256": keys["RS256"]}), encoding="utf-8")
    verifier = Verifier(JwtSettings(ISSUER, (AUDIENCE,), jwks_file=path))
    assert verifier.check(signed(keys)).account == "ann"
    assert refused(verifier, signed(keys, "ES256")) == "bad-token"
    path.write_text(jwks({"ES256": keys["ES256"]}), encoding="utf-8")
    assert verifier.check(signed(keys, "ES256")).account == "ann"
    assert refused(verifier, signed(keys)) == "bad-token"


def test_known_keys_outlive_a_file_that_is_half_written(keys, tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(jwks({"RS256": keys["RS256"]}), encoding="utf-8")
    verifier = Verifier(JwtSettings(ISSUER, (AUDIENCE,), jwks_file=path))
    verifier.prepare()
    path.write_text(jwks(keys)[:100], encoding="utf-8")
    assert verifier.check(signed(keys)).account == "ann"
    path.write_text(jwks(keys), encoding="utf-8")
    assert verifier.check(signed(keys, "ES256")).account == "ann"


def test_a_pem_file_is_read_again_when_it_is_another(keys, tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(pem(private_key("RS256")))
    verifier = Verifier(JwtSettings(ISSUER, (AUDIENCE,), key_file=path))
    assert refused(verifier, signed(keys)) == "bad-token"
    path.write_bytes(pem(keys["RS256"]))
    assert verifier.check(signed(keys)).account == "ann"
