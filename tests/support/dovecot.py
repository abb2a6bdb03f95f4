"""A throw-away Dovecot 2.3: IMAP (plain and TLS) and LMTP on loopback, no system configuration."""

import datetime
import grp
import imaplib
import ipaddress
import os
import pwd
import shutil
import signal
import smtplib
import subprocess
import tempfile
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.ports import free_port, wait_until_listening

PROGRAM = Path("/usr/sbin/dovecot")
WHY_NOT = "Dovecot is not installed (Debian: apt install dovecot-imapd dovecot-lmtpd)"


def is_installed() -> bool:
    """Tell whether Dovecot with IMAP and LMTP is on this machine."""
    services = Path("/usr/lib/dovecot")
    return PROGRAM.exists() and (services / "imap").exists() and (services / "lmtp").exists()


def speaks_pop3() -> bool:
    """Tell whether this Dovecot has POP3, too."""
    return Path("/usr/lib/dovecot/pop3").exists()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a self-made certificate for localhost and 127.0.0.1; return (certificate, key) as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "cert.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


class Dovecot:
    """A running server. `port` speaks IMAP (STARTTLS offered), `tls_port` IMAPS, `lmtp_port` LMTP,
    `pop3_port` POP3. For OAuth 2 it asks http://127.0.0.1:`token_port`/tokeninfo whose token it was given.

    `users` maps login names (which are also the LMTP addresses' local parts) to passwords.
    `certificate` is the PEM file to trust for the TLS ports.
    """

    def __init__(self, users: Mapping[str, str] | None = None) -> None:
        self.users = dict(users or {"support": "secret"})
        self.folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.folder.chmod(0o755)  # services run as nobody and must reach their files
        self.port, self.tls_port, self.lmtp_port = free_port(), free_port(), free_port()
        self.pop3_port, self.token_port = free_port(), free_port()
        self.certificate, self.key = make_certificate(self.folder)
        self.log = self.folder / "log"
        self._write_configuration()
        self.process = self._start()

    def _start(self) -> subprocess.Popen:
        with (self.folder / "out").open("wb") as out:
            process = subprocess.Popen(
                [PROGRAM, "-F", "-c", self.folder / "dovecot.conf"], stdout=out, stderr=subprocess.STDOUT
            )
        try:
            wait_until_listening(self.port, process, self.folder / "out")
            wait_until_listening(self.lmtp_port, process, self.folder / "out")
        except RuntimeError:
            process.kill()
            raise
        return process

    def _write_configuration(self) -> None:
        user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.getuid())
        group = grp.getgrgid(user.pw_gid).gr_name
        for name in ("run", "state", "mail"):
            (self.folder / name).mkdir()
            os.chown(self.folder / name, user.pw_uid, user.pw_gid)
        lines = (f"{name}:{{PLAIN}}{password}\n" for name, password in self.users.items())
        (self.folder / "users").write_text("".join(lines))
        text = CONFIGURATION.format(
            folder=self.folder, user=user.pw_name, group=group, uid=user.pw_uid, gid=user.pw_gid, self=self,
            protocols="imap lmtp pop3" if speaks_pop3() else "imap lmtp",
        )
        (self.folder / "dovecot.conf").write_text(text)
        (self.folder / "oauth2.conf").write_text(OAUTH2.format(self=self))

    def connect(self, user: str = "support") -> imaplib.IMAP4:
        """Return a signed-in IMAP connection of the standard library; the caller logs out."""
        connection = imaplib.IMAP4("127.0.0.1", self.port)
        connection.login(user, self.users[user])
        return connection

    def append(self, *messages: bytes, user: str = "support", folder: str = "INBOX") -> None:
        """Put messages into a folder over IMAP, without any delivery header."""
        connection = self.connect(user)
        for message in messages:
            answer, why = connection.append(folder, None, None, message)
            assert answer == "OK", why
        connection.logout()

    def deliver(self, message: bytes | EmailMessage, to: str = "support@localhost") -> None:
        """Deliver a message by LMTP, as a mail server would."""
        raw = message if isinstance(message, bytes) else message.as_bytes()
        with smtplib.LMTP("127.0.0.1", self.lmtp_port) as client:
            client.sendmail("sender@example.com", [to], raw)

    def count(self, user: str = "support", folder: str = "INBOX") -> int:
        """Return how many messages lie in a folder."""
        connection = self.connect(user)
        answer, data = connection.select(folder, readonly=True)
        connection.logout()
        assert answer == "OK", data
        return int(data[0] or 0)

    def empty(self) -> None:
        """Throw away all mail of all users: folders begin anew, with a new UIDVALIDITY."""
        for name in self.users:
            shutil.rmtree(self.folder / "mail" / name, ignore_errors=True)

    def stop_for_a_while(self) -> None:
        """Stop the server and keep the mail, so that `resume` can bring it back."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def resume(self) -> None:
        """Start the server again after `stop_for_a_while`."""
        self.process = self._start()

    def stop(self) -> None:
        """Stop the server and remove its files."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
info_log_path = {folder}/log
protocols = {protocols}
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
default_login_user = {user}
default_internal_user = {user}
default_internal_group = {group}
first_valid_uid = 1
last_valid_uid = 0
first_valid_gid = 1
mail_uid = {uid}
mail_gid = {gid}
mail_home = {folder}/mail/%n
mail_location = maildir:{folder}/mail/%n/Maildir
mail_max_userip_connections = 50
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login none
  args = scheme=PLAIN username_format=%n {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%n
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {self.port}
  }}
  inet_listener imaps {{
    port = {self.tls_port}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {self.pop3_port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {self.lmtp_port}
  }}
}}
protocol lmtp {{
  auth_username_format = %n
}}
"""

OAUTH2 = """
tokeninfo_url = http://127.0.0.1:{self.token_port}/tokeninfo?access_token=
username_attribute = email
username_format = %n
"""
