"""Who may do what in a studio that others can open."""

from studio.access.gate import Gate
from studio.access.rights import MEMBERS, AccessPolicy, Rights

__all__ = ["MEMBERS", "AccessPolicy", "Gate", "Rights"]
