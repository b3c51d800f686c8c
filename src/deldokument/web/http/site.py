"""Values of the deployment that pages need."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Site:
    """Values of the deployment that pages need."""

    public_url: str
    operator_name: str
    operator_contact: str
    accessibility_url: str
    privacy_url: str
    demo: bool
    version: str

    @property
    def session_cookie(self) -> str:
        """Name of the session cookie. It binds the cookie to this host and HTTPS, except on loopback without TLS."""
        return "__Host-deldokument" if self.secure else "deldokument"

    @property
    def login_cookie(self) -> str:
        """Name of the login cookie, which binds it like the session cookie.

        So no neighbouring host can plant a cookie that makes a browser finish another person's login.
        """
        return "__Host-deldokument-login" if self.secure else "deldokument-login"

    @property
    def secure(self) -> bool:
        """Whether the site is served over HTTPS."""
        return self.public_url.startswith("https:")
