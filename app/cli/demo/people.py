"""Who is in the demo: an administrator, three instructors, thirty students. All of them are invented."""

import unicodedata
from dataclasses import dataclass

from app.identity.models import Role

PASSWORD = "learn-with-lectern"  # noqa: S105 - printed at every start, and never loaded by `lectern serve`
DOMAIN = "lectern.example"

STUDENTS = """
    Aisha Rahman, Alejandro Ruiz, Ana Kovač, Benedikt Lang, Chiara Moretti, Chloé Dubois, Daniel Mensah, Dilara Öztürk,
    Elin Bergström, Emeka Nwosu, Farid Haddad, Grace Kimani, Hana Suzuki, Ines Carvalho, Ivan Petrov, Jamila Osei,
    Kofi Asante, Laura Jansen, Linh Tran, Lukas Huber, Maya Cohen, Mateo Silva, Nadia Benali, Nora Lindqvist,
    Oliver Grant, Priya Nair, Rosa Delgado, Samuel Okoro, Tomás Vega, Yuki Mori
"""


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    role: Role

    @property
    def email(self) -> str:
        """First and last name in plain letters."""
        plain = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode()
        return f"{plain.lower().replace(' ', '.')}@{DOMAIN}"


ADMIN = Person("Robin Marsh", Role.ADMIN)
MEI = Person("Mei Tanaka", Role.INSTRUCTOR)
JONAS = Person("Jonas Weber", Role.INSTRUCTOR)
AMARA = Person("Amara Okafor", Role.INSTRUCTOR)
PEOPLE = (ADMIN, MEI, JONAS, AMARA, *(Person(name.strip(), Role.STUDENT) for name in STUDENTS.split(",")))
SHOWN = PEOPLE[:6]
"""Whose logins are offered; the other students share the password."""
