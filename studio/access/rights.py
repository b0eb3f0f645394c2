"""Access modes of the studio, and the rights that users have in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal, Protocol
from urllib.parse import unquote

from backends.errors import BadInput, NotAllowed
from backends.sentences import Sentence
from backends.settings import Settings, on_a_space
from studio.access.openid import OpenID
from studio.access.users import Users

__all__ = ["HUB", "LOOPBACK", "MEMBERS", "USER", "AccessPolicy", "Mode", "Rights", "WithHeaders"]

LOOPBACK = ("127.0.0.1", "::1", "localhost")
USER = "x-studio-user"  # the header in which the gate says who somebody is; it lets no other in
HUB = "x-studio-hub-token"  # likewise: the token of their own account of the hub
Network = IPv4Network | IPv6Network
Mode = Literal["private", "team", "demo"]


def networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks, with commas between them.

    :raises BadInput: one is neither.
    """
    try:
        return tuple(ip_network(one.strip()) for one in text.split(",") if one.strip())
    except ValueError as error:
        raise BadInput(
            "STUDIO_PROXIES is {text!r}; set it to addresses or networks such as 10.0.0.0/8",
            text=text,
        ) from error


class WithHeaders(Protocol):
    """A request, as gradio and Starlette have it."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Of HTTP."""
        ...


def name_of(visit: WithHeaders | None) -> str:
    """The name of the user who sent a request, as the gate found it; empty without a login."""
    return unquote(_header(visit, USER))


def hub_token(visit: WithHeaders | None) -> str:
    """The token of the hub with which the user of a request has logged in; empty for none."""
    return _header(visit, HUB)


def _header(visit: WithHeaders | None, name: str) -> str:
    # None where no request of a browser is behind a call.
    headers = getattr(visit, "headers", None)
    return headers.get(name, "") if headers is not None else ""


@dataclass(frozen=True)
class Rights:
    """What somebody may do beyond asking, comparing, and labelling in a project that they have
    joined.

    :ivar fetch: fetch what bundles lack, and so accept its terms.
    :ivar bundles: make and train bundles of their own pictures.
    :ivar evaluations: let methods answer many pictures, which takes the machine's time.
    :ivar models: name models and files of this machine to explain.
    :ivar projects: make labelling projects, put pictures in, import labels, let a model annotate.
    :ivar training: train models of labels.
    :ivar push: push labels, with one's own account of the hub; the person at the machine with the
        machine's.
    """

    fetch: bool = False
    bundles: bool = False
    evaluations: bool = False
    models: bool = False
    projects: bool = False
    training: bool = False
    push: bool = False


EVERYTHING = Rights(**{one.name: True for one in fields(Rights)})
MEMBER = Rights(projects=True, training=True)
NOTHING = Rights()
REFUSALS = {
    "fetch": Sentence("only an administrator of this studio fetches parts; ask them"),
    "bundles": Sentence("only the person at the machine makes bundles here"),
    "evaluations": Sentence("only an administrator of this studio starts evaluations; ask them"),
    "models": Sentence("only the person at the machine adds models here"),
    "projects": Sentence(
        "projects are made by this studio's team; ask them for an invitation to one"
    ),
    "training": Sentence("this studio trains no models for visitors; run one of your own"),
    "push": Sentence(
        "labels are pushed with your own account of the hub alone; log in with it, or export them "
        "and push the file"
    ),
}


@dataclass(frozen=True)
class AccessPolicy:
    """A studio's mode, and who its people are.

    :ivar mode: ``private``: the person at the machine may do everything. ``team``: people log in;
        members make projects, administrators fetch, too. ``demo``: anybody comes in, and only asks.
    :ivar users: who may log in, by name and password.
    :ivar header: of HTTP, in which a reverse proxy names the user; empty for none.
    :ivar openid: where people log in by OpenID Connect.
    :ivar further: names of administrators beside those of ``users``.
    :ivar proxies: addresses of the proxies whose headers are trusted.
    :ivar rate: most requests of an address per second; 0 is no limit.
    """

    mode: Mode = "private"
    users: Users = field(default_factory=Users)
    header: str = ""
    proxies: tuple[Network, ...] = ()
    rate: int = 0
    openid: OpenID | None = None
    further: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings, host: str) -> AccessPolicy:
        """The policy of the environment's settings. Mode ``auto`` is ``team`` where users can log
        in, ``private`` on this machine's own address, and ``demo`` on all others.

        :raises BadInput: the file of users cannot be read.
        """
        users = Users.read(settings.users) if settings.users else Users()
        openid = OpenID.of(settings)
        # On a Space a login is offered, and a demo stays open to all.
        asked = bool(openid and settings.openid_issuer)
        login = bool(users.names or settings.user_header or asked)
        mode = settings.mode
        if mode == "auto":
            alone = host in LOOPBACK and not on_a_space()
            mode = "team" if login else "private" if alone else "demo"
        rate = settings.address_requests if mode == "demo" else 0
        further = frozenset(filter(None, map(str.strip, settings.administrators.split(","))))
        return cls(
            mode, users, settings.user_header.lower(), networks(settings.proxies), rate,
            None if mode == "private" else openid, further,
        )  # fmt: skip

    def is_proxy(self, address: str) -> bool:
        """Whether that is one of the proxies."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.proxies)

    @property
    def login(self) -> bool:
        """Whether people must say who they are."""
        return self.mode == "team" and bool(self.users.names or self.header or self.openid)

    @property
    def most(self) -> Rights:
        """What the most able of its people may do."""
        administrator = replace(MEMBER, fetch=True, evaluations=True)
        return {"private": EVERYTHING, "team": administrator, "demo": NOTHING}[self.mode]

    def rights(self, visit: WithHeaders | None) -> Rights:
        """What the person of a request may do."""
        # A Space's own account is its owner's, whoever comes.
        machine = self.mode == "private" and not on_a_space()
        return replace(self._of_mode(visit), push=machine or bool(hub_token(visit)))

    def _of_mode(self, visit: WithHeaders | None) -> Rights:
        if self.mode != "team":
            return self.most
        if not self.login:
            return MEMBER
        if self.administers(visit):
            return self.most
        return MEMBER if name_of(visit) else NOTHING

    def administers(self, visit: WithHeaders | None) -> bool:
        """Whether the person of a request has logged in as an administrator."""
        name = name_of(visit)
        return bool(name) and name in self.users.administrators | self.further

    def require(self, right: str, visit: WithHeaders | None) -> None:
        """Check that the user of a request has a right.

        :param right: a field of :class:`Rights`.
        :raises NotAllowed: the user does not have it.
        """
        if not getattr(self.rights(visit), right):
            raise NotAllowed(REFUSALS[right])


MEMBERS = AccessPolicy("team")  # without a login: everybody is a member
