"""What somebody may do on the organiser's pages. Apart from the tables, so that the command line is there at once."""

from enum import StrEnum


class Role(StrEnum):
    """Each may do what those before it may."""

    VIEWER = "viewer"
    ORGANISER = "organiser"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"
