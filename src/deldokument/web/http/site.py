"""What the pages need to know of the deployment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages need to know of the deployment."""

    public_url: str
    operator_name: str
    operator_contact: str
    accessibility_url: str
    privacy_url: str
    demo: bool
    version: str

    @property
    def session_cookie(self) -> str:
        """Bound to this host and to HTTPS by its name, except on loopback without TLS."""
        return "__Host-deldokument" if self.secure else "deldokument"

    @property
    def login_cookie(self) -> str:
        """As the session's: no neighbouring host can plant one, and so make a browser finish another's login."""
        return "__Host-deldokument-login" if self.secure else "deldokument-login"

    @property
    def secure(self) -> bool:
        """Whether the site is served over HTTPS."""
        return self.public_url.startswith("https:")
