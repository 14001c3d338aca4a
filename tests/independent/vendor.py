"""The vendor's side of mirroring with zeep: calls as the service's own description says, signed tokens, and the
check of the answer's signature."""

import base64
import hashlib
import json
import secrets
import ssl
import time
from datetime import datetime, timezone

import jwt
import zeep
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from zeep.transports import Transport

from source import Center

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
SIGNED_TOKEN = "{http://www.superoffice.com/online/mirroring/0.1}SignedToken"
CONTEXT_CLAIM = "http://schemes.superoffice.net/identity/ctx"
TOKEN_SECONDS = 360
DRIFT_SECONDS = 15 * 60


class MustUnderstand(zeep.Plugin):
    """Marks headers as ones that the receiver must understand, as the vendor marks its token. zeep adds headers of
    WS-Addressing, which a receiver is free to ignore."""

    def __init__(self, *names):
        self.names = names

    def egress(self, envelope, http_headers, operation, binding_options):
        for header in envelope.find(f"{{{ENVELOPE}}}Header"):
            if header.tag in self.names:
                header.set(f"{{{ENVELOPE}}}mustUnderstand", "1")
        return envelope, http_headers


def load(description, *must_understand):
    """A client from the address of a description. zeep is strict by default."""
    transport = Transport(timeout=20, operation_timeout=60)
    plugin = MustUnderstand(SIGNED_TOKEN, *must_understand)
    return zeep.Client(description, transport=transport, plugins=[plugin])


class Application:
    """What the vendor knows of a registered application, and the key that it signs its calls to it with."""

    def __init__(self, center: Center):
        folder = center.application_folder
        self.id = json.loads((folder / "application.json").read_text())["id"]
        self.signing_key = load_pem_private_key((center.environment_folder / "signing-key.pem").read_bytes(), None)
        self.public_key = load_pem_private_key((folder / "application-key.pem").read_bytes(), None).public_key()
        certificate = ssl.PEM_cert_to_DER_cert((folder / "signing-certificate.pem").read_text())
        self.thumbprint = hashlib.sha1(certificate).digest()

    def token(self, tenant, nonce, now, key=None):
        headers = {
            "kid": self.thumbprint.hex().upper(),
            "x5t": base64.urlsafe_b64encode(self.thumbprint).decode().rstrip("="),
        }
        claims = {
            "nonce": nonce,
            "sub": tenant,
            CONTEXT_CLAIM: tenant,
            "nbf": now,
            "exp": now + TOKEN_SECONDS,
            "iss": "SuperOffice AS",
            "aud": f"spn:{self.id}",
        }
        return jwt.encode(claims, key or self.signing_key, algorithm="RS256", headers=headers)

    def check(self, signed, nonce):
        """The answer holds the call's nonce and the time, signed with the application's key."""
        message, signature = signed.rsplit(".", 1)
        answered, minute = message.split(".")
        assert answered == nonce
        at = datetime.strptime(minute, "%Y%m%d%H%M").replace(tzinfo=timezone.utc)
        assert abs(datetime.now(timezone.utc) - at).total_seconds() < DRIFT_SECONDS
        # Raises where another key signed.
        self.public_key.verify(base64.b64decode(signature, validate=True), message.encode(), PKCS1v15(), SHA256())


class Vendor:
    """Calls a receiver for one tenant."""

    def __init__(self, client, application, tenant):
        self.client = client
        self.application = application
        self.tenant = tenant
        self.state = ""
        self.newest_token = 0

    def authenticate(self):
        """Opens a cycle. Receivers tell cycles apart by their tokens' seconds, so it waits for one that is new."""
        while int(time.time()) <= self.newest_token:
            time.sleep(1 - time.time() % 1)
        nonce = secrets.token_hex(16)
        self.state = ""
        answer = self.call("Authenticate", nonce)
        self.application.check(answer.SignedApplicationToken, nonce)
        self.state = answer.ClientState
        return answer

    def table_schema(self, tables):
        answer = self.call("TableSchema", Tables={"TableSchemaInfo": tables})
        return {position.TableName: position.LSN for position in answer.MirrorLSN.TableLSN}

    def wipe(self, table):
        self.call("Wipe", TableName=table)

    def row_data(self, *batches):
        self.call("RowData", DataBatches={"RowDataBatch": list(batches)})

    def completed(self, summaries):
        self.call("ReplicationCompleted", ChangedTables={"ReplicationSummary": summaries})

    def call(self, operation, nonce=None, **members):
        answer = self.send(operation, nonce or secrets.token_hex(16), **members)
        assert answer.IsSuccessful and not answer.ErrorMessage, f"{operation}: {answer.ErrorMessage}"
        return answer

    def send(self, operation, nonce, key=None, **members):
        """Sends a call, signed with the vendor's key or another one."""
        self.newest_token = int(time.time())
        token = self.application.token(self.tenant, nonce, self.newest_token, key)
        headers = {"SignedToken": token}
        return self.client.service[operation](ClientState=self.state, **members, _soapheaders=headers)
