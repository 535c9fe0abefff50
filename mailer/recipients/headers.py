"""Which column of a list a heading means, in the languages that lists come in. A guess, which a person looks at."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from mailer.recipients.cells import COLUMNS, column

_SAID: Mapping[str, str] = {
    "email": (
        "e-mail, mail, e-mail address, email address, mail address, courriel, adresse e-mail, adresse électronique, "
        "adresse de courriel, e-mail-adresse, mailadresse, correo, correo electrónico, dirección de correo, "
        "posta elettronica, indirizzo e-mail, endereço de e-mail, эл. почта, электронная почта, "
        "адрес электронной почты, почта, e-mailová adresa, adres e-mail, البريد الإلكتروني, بريد إلكتروني"
    ),
    "given_name": (
        "first name, forename, christian name, name first, prénom, prénoms, vorname, nombre, nombres, nome, "
        "имя, meno, krstné meno, jméno, imię, ime, الاسم الأول, الاسم"
    ),
    "family_name": (
        "last name, surname, family name, name last, nom, nom de famille, nachname, familienname, apellido, apellidos, "
        "cognome, sobrenome, apelido, фамилия, priezvisko, příjmení, nazwisko, prezime, اسم العائلة, اللقب"
    ),
    "title": (
        "salutation, form of address, honorific, civilité, titre, anrede, titel, tratamiento, título, titolo, "
        "обращение, oslovenie, titul, tytuł, titula, لقب"
    ),
    "role": "function, rôle, fonction, rolle, funktion, rol, función, ruolo, роль, rola, uloga, الدور",
    "state": (
        "country, country code, participating state, delegation, nation, pays, état, état participant, délégation, "
        "land, staat, länderkürzel, teilnehmerstaat, país, estado, paese, stato, страна, государство, krajina, štát, "
        "země, kraj, państwo, zemlja, država, البلد, الدولة"
    ),
    "institution": (
        "organisation, organization, organisation name, authority, agency, affiliation, ministry, organisme, autorité, "
        "einrichtung, behörde, dienststelle, institución, organización, organismo, istituzione, ente, instituição, "
        "учреждение, организация, ведомство, inštitúcia, organizácia, instituce, instytucja, institucija, "
        "المؤسسة, الجهة"
    ),
    "language": (
        "preferred language, working language, langue, langue préférée, sprache, korrespondenzsprache, idioma, lengua, "
        "lingua, язык, jazyk, język, jezik, اللغة"
    ),
    "timezone": (
        "time zone, tz, fuseau horaire, fuseau, zeitzone, zona horaria, huso horario, fuso orario, часовой пояс, "
        "časové pásmo, strefa czasowa, vremenska zona, المنطقة الزمنية"
    ),
    "tags": (
        "tag, labels, label, group, groups, category, étiquettes, groupe, catégorie, schlagwörter, gruppe, etiquetas, "
        "grupo, gruppo, метки, группа, skupina, grupa, الفئة"
    ),
    "sessions": (
        "session, chosen sessions, séances, sessions choisies, sitzungen, sitzung, sesiones, sesión, sessioni, "
        "sessões, сессии, заседания, relácie, sesje, sesije, الجلسات"
    ),
}


def guessed(header: Sequence[str]) -> tuple[str, ...]:
    """For each heading the column it seems to mean, each at most once; nothing where it cannot be told."""
    taken: set[str] = set()
    found = []
    for heading in header:
        meant = _meant(heading)
        found.append("" if meant in taken else meant)
        taken.add(meant)
    return tuple(found)


def _meant(heading: str) -> str:
    known = column(heading)
    return known if known in COLUMNS else _COLUMN_OF.get(_plain(heading), "")


def _plain(heading: str) -> str:
    """Letters alone, without accents, capitals and what stands in parentheses."""
    text = unicodedata.normalize("NFKD", re.sub(r"\(.*?\)", "", heading[:200]).casefold())
    return "".join(each for each in text if each.isalnum())


_COLUMN_OF: Mapping[str, str] = {
    _plain(heading): name for name, headings in _SAID.items() for heading in headings.split(",")
}
