"""What the headings of lists mean, in several languages."""

import pytest

from mailer.recipients.cells import COLUMNS
from mailer.recipients.headers import guessed


@pytest.mark.parametrize(
    "header",
    [
        "email,given_name,family_name,title,role,state,institution,language,timezone,tags,sessions",
        "E-Mail,First name,Surname,Salutation,Function,Country,Organisation,Language,Time zone,Groups,Sessions",
        "Adresse électronique,Prénom,Nom,Civilité,Fonction,Pays,Organisme,Langue,Fuseau horaire,Étiquettes,Séances",
        "E-Mail-Adresse,Vorname,Nachname,Anrede,Funktion,Staat,Dienststelle,Sprache,Zeitzone,Gruppe,Sitzungen",
        "Correo electrónico,Nombre,Apellidos,Tratamiento,Función,País,Institución,Idioma,Zona horaria,Grupo,Sesiones",
        "Электронная почта,Имя,Фамилия,Обращение,Роль,Страна,Организация,Язык,Часовой пояс,Группа,Сессии",
        "البريد الإلكتروني,الاسم الأول,اسم العائلة,لقب,الدور,الدولة,المؤسسة,اللغة,المنطقة الزمنية,الفئة,الجلسات",
    ],
)
def test_a_heading_is_known_in_many_languages(header: str) -> None:
    assert guessed(header.split(",")) == tuple(COLUMNS)


def test_case_accents_and_remarks_do_not_matter() -> None:
    assert guessed(["PRENOM (obligatoire)", "  E–mail ", "nom de  famille"]) == (
        "given_name",
        "email",
        "family_name",
    )


def test_what_cannot_be_told_stays_open_and_nothing_is_taken_twice() -> None:
    assert guessed(["", "Shoe size", "email", "E-mail", "x" * 5000]) == ("", "", "email", "", "")
