"""The participating States of the OSCE and its Partners for Co-operation, by their ISO 3166-1 alpha-2 codes.

From the organisation's own lists, <https://www.osce.org/participating-states> and
<https://www.osce.org/partners-for-cooperation>: 57 States, and eleven Partners in Asia and around the Mediterranean.
"""

_CODES = (
    "AD AL AM AT AZ BA BE BG BY CA CH CY CZ DE DK EE ES FI FR GB GE GR HR HU IE IS IT KG KZ LI LT LU LV MC MD ME MK "
    "MN MT NL NO PL PT RO RS RU SE SI SK SM TJ TM TR UA US UZ VA"
)

PARTICIPATING_STATES = frozenset(_CODES.split())
PARTNERS = frozenset({"AF", "AU", "DZ", "EG", "IL", "JO", "JP", "KR", "MA", "TH", "TN"})
