"""Certificates made for the tests by `openssl`: an authority, servers it knows, a client it knows."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs what it is asked for; all files are in `folder`."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> Authority:
        authority = cls(folder)
        authority._openssl(
            *("req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2"),
            *("-subj", "/CN=phasegate test authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )
        return authority

    @property
    def ca(self) -> str:
        return str(self.folder / "ca.pem")

    def certificate(self, name: str, *, names: str = "DNS:localhost,IP:127.0.0.1", days: int = 2) -> Path:
        """Key and certificate in one file; `days` may be negative for one that has expired."""
        self._openssl(
            *("req", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr"),
            *("-subj", f"/CN={name}", "-addext", f"subjectAltName={names}"),
        )
        self._openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-out", f"{name}.crt", "-days", str(days), "-copy_extensions", "copyall"),
        )
        both = self.folder / f"{name}.pem"
        both.write_bytes((self.folder / f"{name}.key").read_bytes())
        with both.open("ab") as file:
            file.write((self.folder / f"{name}.crt").read_bytes())
        return both

    def server(self, certificate: Path, *, asks_for_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        if asks_for_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca)
        return context

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)
