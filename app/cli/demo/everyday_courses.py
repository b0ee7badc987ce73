"""Jonas Weber's courses: things to make and mend, most of them in German."""

from app.catalog.models import CourseLevel, CourseStatus
from app.cli.demo.content import DemoCourse, link, module, page, quiz, video

COURSES = (
    DemoCourse(
        title="Fahrräder selbst reparieren",
        description="Vom platten Reifen bis zur schleifenden Bremse: Mit wenig Werkzeug und etwas Geduld bleibt das Rad "
        "verkehrssicher. Jede Reparatur wird erst gezeigt und dann Schritt für Schritt nachgemacht.",
        category="Crafts",
        level=CourseLevel.BEGINNER,
        language="de",
        skills=("Fahrradtechnik", "Werkzeug"),
        students=18,
        stars=(0, 0, 1, 2, 11),
        days_ago=25,
        modules=(
            module(
                "Reifen und Schlauch",
                video("Den Schlauch wechseln in zehn Minuten", 10),
                page(
                    "Das Loch finden",
                    "Pumpe den Schlauch auf und führe ihn langsam am Ohr vorbei. Hörst du nichts, hilft eine Schüssel "
                    "Wasser: Wo Blasen aufsteigen, ist das Loch.\n\nTaste danach **immer** die Innenseite des Mantels "
                    "ab. Steckt der Splitter noch darin, ist der neue Schlauch nach hundert Metern wieder platt.",
                ),
                quiz("Was gehört in die Satteltasche?"),
            ),
            module(
                "Bremsen",
                video("Felgenbremsen einstellen", 8.5),
                page(
                    "Wann sind die Beläge fertig?",
                    "Bremsbeläge haben Rillen. Sind sie nicht mehr zu sehen, wird getauscht. Metallisches Kratzen heißt: "
                    "sofort aufhören zu fahren, denn jetzt leidet die Felge.\n\nNach dem Wechsel sollte der Hebel auf "
                    "halbem Weg zum Lenker fest werden.",
                ),
                video("Scheibenbremsen: was du selbst tun kannst", 12),
                quiz("Bremse gut, alles gut"),
            ),
            module(
                "Kette und Schaltung",
                video("Die Kette reinigen und ölen", 7),
                page(
                    "Weniger Öl ist mehr",
                    "Ein Tropfen auf jedes Glied, fünf Minuten warten, dann alles abwischen, was außen glänzt. Öl gehört "
                    "*in* die Gelenke; außen sammelt es nur Sand.",
                ),
                quiz("Warum springt der Gang?"),
            ),
        ),
    ),
    DemoCourse(
        title="Brot backen mit Sauerteig",
        description="Mehl, Wasser, Salz und Zeit: mehr braucht ein gutes Brot nicht. Du ziehst deinen eigenen Sauerteig, "
        "lernst den Teig zu lesen und backst am Ende ein Brot, das eine Woche frisch bleibt.",
        category="Cooking",
        level=CourseLevel.BEGINNER,
        language="de",
        skills=("Backen", "Sauerteig"),
        students=22,
        stars=(0, 1, 0, 1, 17),
        days_ago=60,
        modules=(
            module(
                "Der Ansatz",
                video("Sauerteig in fünf Tagen", 9),
                page(
                    "Füttern nach Plan",
                    "Gib jeden Tag zur gleichen Zeit 50 g Roggenmehl und 50 g lauwarmes Wasser zu 50 g Ansatz; der Rest "
                    "wird Pfannkuchen.\n\n- **Tag 1 bis 2:** es passiert wenig.\n- **Tag 3:** es riecht streng. Das ist "
                    "richtig so.\n- **Tag 5:** der Ansatz verdoppelt sich in vier Stunden und duftet nach Apfel.",
                ),
                quiz("Ist mein Ansatz reif?"),
            ),
            module(
                "Das erste Brot",
                video("Kneten, falten, ruhen", 14),
                page(
                    "Die Fingerprobe",
                    "Drücke mit dem Finger einen Zentimeter tief in den Teig. Springt die Delle sofort zurück, braucht er "
                    "Zeit. Kommt sie langsam und nicht ganz zurück, muss er *jetzt* in den Ofen. Bleibt sie stehen, war "
                    "es zu lang: dann backe in der Form.",
                ),
                video("Backen mit Dampf im Haushaltsofen", 8),
                page(
                    "Erst auskühlen, dann anschneiden",
                    "Ein Brot gart nach dem Backen weiter. Wer es warm anschneidet, drückt die Krume zusammen. Roggenbrot "
                    "schmeckt am zweiten Tag am besten.",
                ),
            ),
        ),
    ),
    DemoCourse(
        title="Energie im Haushalt sparen",
        description="Messen statt raten: Wo geht der Strom hin, wo die Wärme? Du findest die drei größten Verbraucher "
        "deiner Wohnung und rechnest aus, welche Maßnahme sich wann bezahlt macht.",
        category="Environment",
        level=CourseLevel.INTERMEDIATE,
        language="de",
        skills=("Energie", "Rechnen im Alltag"),
        students=9,
        stars=(0, 0, 1, 5, 1),
        days_ago=130,
        modules=(
            module(
                "Strom",
                video("Watt und Wattstunde auseinanderhalten", 6),
                page(
                    "Die Grundlast messen",
                    "Lies den Zähler abends vor dem Schlafen ab und morgens vor dem Kaffee. Die Differenz, geteilt durch "
                    "die Stunden, ist deine Grundlast. Was über 100 Watt liegt, lohnt die Suche.\n\nEin Watt rund um die "
                    "Uhr sind knapp 9 Kilowattstunden im Jahr.",
                ),
                quiz("Schätze den Verbrauch"),
            ),
            module(
                "Wärme",
                video("Richtig lüften, und warum Kippen nicht reicht", 5.5),
                page(
                    "Ein Grad weniger",
                    "Als Faustregel spart jedes Grad rund sechs Prozent Heizenergie. Entscheidend ist die **Zeit**: Eine "
                    "Absenkung in der Nacht bringt in schlecht gedämmten Häusern viel, in gut gedämmten fast nichts.",
                ),
                quiz("Was bringt wie viel?"),
            ),
        ),
    ),
    DemoCourse(
        title="Woodworking with Hand Tools",
        description="A quiet workshop fits into a corner of the kitchen. With saw, plane and chisel you make a box whose "
        "joints hold without a single screw. This course is still being written.",
        category="Crafts",
        level=CourseLevel.BEGINNER,
        language="en",
        skills=("Woodworking", "Sharpening"),
        students=0,
        stars=(0, 0, 0, 0, 0),
        days_ago=3,
        status=CourseStatus.DRAFT,
        modules=(
            module(
                "Sharp tools",
                video("A chisel that shaves", 11),
                page(
                    "Dull is dangerous",
                    "A dull edge needs force, and force slips. Sharpen when you *begin* to wonder whether you should. "
                    "Five strokes on the fine stone every half hour are less work than an hour on the coarse one.",
                ),
                quiz("Which stone first?"),
            ),
            module(
                "Wood moves",
                video("Reading the grain", 8),
                page(
                    "Across, never along",
                    "A board swells and shrinks across its grain with every season, and hardly at all along it. Leave "
                    "room where the grain crosses a frame, or the frame will open for you.",
                ),
                link("Facts about wood as a material", "https://en.wikipedia.org/wiki/Wood"),
            ),
        ),
    ),
)
