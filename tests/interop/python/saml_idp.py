"""pysaml2 as somebody else's SAML identity provider: a real server on a free port. It listens on 127.0.0.1 while gatehouse
is localhost: another site, as a customer's provider is."""

import hashlib
import html
import http.cookies
import secrets
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import httpx
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, samlp, sigver, xmldsig
from saml2.authn_context import PASSWORDPROTECTEDTRANSPORT
from saml2.config import IdPConfig
from saml2.entity import Entity
from saml2.metadata import entity_descriptor, sign_entity_descriptor
from saml2.saml import NAMEID_FORMAT_EMAILADDRESS, NAMEID_FORMAT_PERSISTENT, NameID
from saml2.server import Server
from saml2.sigver import pre_encryption_part, security_context, verify_redirect_signature

AES256_GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
AES128_CBC = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
# What pysaml2 signs with when nobody says so is SHA-1.
SHA1 = {"sign_alg": xmldsig.SIG_RSA_SHA1, "digest_alg": xmldsig.DIGEST_SHA1}
SHA256 = {"sign_alg": xmldsig.SIG_RSA_SHA256, "digest_alg": xmldsig.DIGEST_SHA256}
SESSION_KEYS = {AES256_GCM: "aes-256", AES128_CBC: "aes-128"}
BINDINGS = {"GET": BINDING_HTTP_REDIRECT, "POST": BINDING_HTTP_POST}

PEOPLE = {
    "ada": {"mail": "ada@acme.example", "givenName": "Ada", "sn": "Lovelace", "isMemberOf": ["engineers", "admins"]},
    # What breaks those who paste strings together.
    "grace": {"mail": "grace@acme.example", "givenName": "Grace & \"Amazing\"", "sn": "<Hopper> Þórð", "isMemberOf": ["r&d <eu>"]},
}


class Key:
    """An RSA key with its certificate, as files."""

    def __init__(self, folder, name):
        self.key, self.certificate = str(folder / f"{name}.key"), str(folder / f"{name}.crt")
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}"]
        subprocess.run([*made, "-keyout", self.key, "-out", self.certificate], check=True, capture_output=True)

    def text(self):
        with open(self.certificate, encoding="ascii") as file:
            return file.read()

    def fingerprint(self):
        """As the provider's people tell it by another way."""
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.text())).digest().hex(":").upper()


class Encrypting(Server):
    """pysaml2 encrypts with triple DES alone, which gatehouse does not take (nor do the big providers send it): the one
    method that chooses is replaced, and xmlsec1 still does the work."""

    algorithm = AES256_GCM

    def _encrypt_assertion(self, encrypt_cert, sp_entity_id, response, node_xpath=None):
        (_, certificate), *_ = self.metadata.certs(sp_entity_id, "any", "encryption")
        pem, bare = sigver.get_pem_wrapped_unwrapped(certificate)
        file = sigver.make_temp(pem.encode("ascii"), decode=False)
        template = pre_encryption_part(msg_enc=self.algorithm, encrypt_cert=bare)
        return self.sec.crypto.encrypt_assertion(response, file.name, template, SESSION_KEYS[self.algorithm], node_xpath)


class Idp:
    """The provider. How it answers a service provider is in `habits`, by the name of the connection."""

    def __init__(self, folder):
        self.folder = folder
        self.keys = [Key(folder, "first")]
        self.published = list(self.keys)
        self.habits = {}
        self.service_providers = []
        self.requests = []  # the AuthnRequests that pysaml2 accepted
        self.sessions = []  # (service provider, NameID, session index)
        self.ended = []  # NameIDs of which a service provider said that the session is over
        self.logout_answers = []
        self.refusals = []
        self.pending = {}
        self.names = {}
        self.made = None
        idp = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                self.answer(dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                self.answer(dict(parse_qsl(body, keep_blank_values=True)))

            def answer(self, fields):
                cookies = http.cookies.SimpleCookie(self.headers.get("cookie", ""))
                session = cookies["idp"].value if "idp" in cookies else None
                try:
                    status, headers, body = idp.serve(self.command, urlsplit(self.path).path, fields, session)
                except Exception as refusal:
                    idp.refusals.append(refusal)
                    status, headers, body = 400, {}, f"{type(refusal).__name__}: {refusal}"
                self.send_response(status)
                for name, value in {"content-type": "text/html", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.entity_id = f"{self.url}/metadata"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.http.shutdown()

    def introduce(self, *metadata_urls):
        """Reads the metadata of service providers, as an administrator does who adds them."""
        self.service_providers = [httpx.get(url).raise_for_status().text for url in metadata_urls]

    def config(self, logout_bindings=(BINDING_HTTP_REDIRECT, BINDING_HTTP_POST)):
        bindings = [BINDING_HTTP_REDIRECT, BINDING_HTTP_POST]
        signing = self.keys[-1]
        config = {
            "entityid": self.entity_id,
            "key_file": signing.key,
            "cert_file": signing.certificate,
            "additional_cert_files": [k.certificate for k in self.published if k is not signing],
            "xmlsec_binary": shutil.which("xmlsec1"),
            "delete_tmpfiles": True,
            "metadata": {"inline": self.service_providers},
            "service": {"idp": {
                "want_authn_requests_signed": True,
                "policy": {"default": {"lifetime": {"minutes": 5}}},
                "endpoints": {
                    "single_sign_on_service": [(f"{self.url}/sso", b) for b in bindings],
                    "single_logout_service": [(f"{self.url}/slo", b) for b in logout_bindings],
                },
            }},
        }
        return IdPConfig().load(config)

    def server(self):
        """pysaml2's own server, made anew when keys or service providers have changed."""
        state = (self.keys[-1], tuple(self.published), tuple(self.service_providers))
        if self.made is None or self.made[0] != state:
            self.made = (state, Encrypting(config=self.config()))
        return self.made[1]

    def metadata(self, wishes):
        logout = [BINDING_HTTP_POST] if "logout-by-form" in wishes else [BINDING_HTTP_REDIRECT, BINDING_HTTP_POST]
        descriptor = entity_descriptor(self.config(logout))
        if "signed" in wishes:
            return sign_entity_descriptor(descriptor, None, security_context(self.config()), **SHA256)[1]
        # cert_file alone is listed first, whichever signs; what is not published yet must not be seen.
        listed = {"".join(k.text().split("\n")[1:-2]) for k in self.published}
        descriptor.idpsso_descriptor.key_descriptor = [
            k for k in descriptor.idpsso_descriptor.key_descriptor
            if "".join(k.key_info.x509_data.x509_certificate.text.split()) in listed
        ]
        return str(descriptor)

    def serve(self, method, path, fields, session):
        match path:
            case "/metadata":
                return 200, {"content-type": "application/samlmetadata+xml"}, self.metadata(fields)
            case "/sso":
                return self.sign_on(method, fields, session)
            case "/sign-in":
                return self.signed_in(fields["pending"], fields["login"])
            case "/slo" if "SAMLRequest" in fields:
                return self.logout_asked(method, fields)
            case "/slo":
                return self.logout_answered(method, fields)
        return 404, {}, "nothing here"

    def sign_on(self, method, fields, session):
        """The request is accepted when its signature is good: want_authn_requests_signed."""
        request = self.server().parse_authn_request(
            fields["SAMLRequest"], BINDINGS[method], fields.get("RelayState"), fields.get("SigAlg"), fields.get("Signature"))
        self.requests.append(request)
        pending = secrets.token_hex(8)
        self.pending[pending] = (request.message, fields.get("RelayState", ""))
        if session and request.message.force_authn != "true":
            return self.signed_in(pending, session)
        return 200, {}, f'<form method="post" action="/sign-in"><input name="login"><input type="hidden" name="pending" value="{html.escape(pending)}"></form>'

    def signed_in(self, pending, login):
        request, relay_state = self.pending.pop(pending)
        entity_id = request.issuer.text
        habit = self.habits.get(entity_id.split("/")[-2], {})
        server = self.server()
        server.algorithm = habit.get("encrypt", AES256_GCM)
        name_id = self.name_id(server, login, request, habit)
        index = None
        kwargs = {"sign_response": True, "sign_assertion": True, **SHA256, **habit.get("sign", {})}
        if "encrypt" in habit:
            kwargs["encrypt_assertion"] = True
        args = server.response_args(request, [BINDING_HTTP_POST])
        response = server.create_authn_response(
            PEOPLE[login], userid=login, name_id=name_id, name_id_policy=None,
            authn={"class_ref": PASSWORDPROTECTEDTRANSPORT, "authn_auth": self.url}, **kwargs, **self.only(args))
        parsed = samlp.response_from_string(str(response))
        if parsed.assertion:
            index = parsed.assertion[0].authn_statement[0].session_index
        self.sessions.append((entity_id, name_id, index))
        form = server.apply_binding(BINDING_HTTP_POST, str(response), args["destination"], relay_state, response=True)
        return 200, {"set-cookie": f"idp={login}; HttpOnly; Path=/"}, form["data"]

    def tile(self, entity_id, login):
        """An answer that nobody asked for, as behind a tile of the provider's portal: a page that posts it."""
        server = self.server()
        name_id = NameID(format=NAMEID_FORMAT_EMAILADDRESS, text=PEOPLE[login]["mail"])
        _, destination = server.pick_binding("assertion_consumer_service", [BINDING_HTTP_POST], "spsso", entity_id=entity_id)
        response = server.create_authn_response(
            PEOPLE[login], None, destination, entity_id, userid=login, name_id=name_id,
            authn={"class_ref": PASSWORDPROTECTEDTRANSPORT, "authn_auth": self.url}, sign_response=True, sign_assertion=True, **SHA256)
        return server.apply_binding(BINDING_HTTP_POST, str(response), destination, "https://evil.example/", response=True)["data"]

    @staticmethod
    def only(args):
        return {name: args[name] for name in ("in_response_to", "destination", "sp_entity_id")}

    def name_id(self, server, login, request, habit):
        wanted = request.name_id_policy.format if request.name_id_policy else None
        if habit.get("name_id") == "email" or wanted == NAMEID_FORMAT_EMAILADDRESS:
            return NameID(format=NAMEID_FORMAT_EMAILADDRESS, text=PEOPLE[login]["mail"])
        known = self.names.setdefault((login, request.issuer.text), secrets.token_urlsafe(24))
        return NameID(format=NAMEID_FORMAT_PERSISTENT, text=known, name_qualifier=self.entity_id, sp_name_qualifier=request.issuer.text)

    def logout_asked(self, method, fields):
        """A service provider signs somebody out."""
        server, binding = self.server(), BINDINGS[method]
        request = server.parse_logout_request(
            fields["SAMLRequest"], binding, fields.get("RelayState"), fields.get("SigAlg"), fields.get("Signature"))
        self.ended.append((request.message.name_id.text, [i.text for i in request.message.session_index]))
        where, destination = server.pick_binding("single_logout_service", [binding], "spsso", request.message)
        answer = server.create_logout_response(request.message, [where], sign=where == BINDING_HTTP_POST, **SHA256)
        return self.send(server, where, answer, destination, fields.get("RelayState", ""), True, {"set-cookie": "idp=; Max-Age=0; Path=/"})

    def logout(self, connection, binding):
        """Signs the youngest session of a connection out: what the browser is to do, as `serve` gives it."""
        entity_id, name_id, index = next(s for s in reversed(self.sessions) if s[0].split("/")[-2] == connection)
        server = self.server()
        where, destination = server.pick_binding("single_logout_service", [binding], "spsso", entity_id=entity_id)
        _, request = server.create_logout_request(
            destination, entity_id, name_id=name_id, session_indexes=[index] if index else None, sign=where == BINDING_HTTP_POST, **SHA256)
        # No space in it: to verify the answer, pysaml2 encodes the query anew, with "+" where we send "%20".
        return self.send(server, where, request, destination, secrets.token_urlsafe(16), False, {})

    def send(self, server: Entity, binding, message, destination, relay_state, response, headers):
        args = server.apply_binding(binding, str(message), destination, relay_state, response=response, sign=True, sigalg=SHA256["sign_alg"])
        if binding == BINDING_HTTP_POST:
            return 200, headers, args["data"]
        return 303, {**headers, "location": dict(args["headers"])["Location"]}, ""

    def logout_answered(self, method, fields):
        """The answer to our own LogoutRequest. pysaml2 verifies signatures of forms here; those of queries are left to the
        caller."""
        server = self.server()
        if method == "GET":
            entity_id = samlp.logout_response_from_string(server.unravel(fields["SAMLResponse"], BINDING_HTTP_REDIRECT)).issuer.text
            certificates = [c for _, c in server.metadata.certs(entity_id, "spsso", "signing")]
            assert any(verify_redirect_signature(fields, server.sec.sec_backend, c) for c in certificates), "the answer is not signed"
        answer = server.parse_logout_request_response(fields["SAMLResponse"], BINDINGS[method])
        self.logout_answers.append(answer)
        return 200, {}, "you are signed out everywhere"
