"""Amara Okafor's courses: working with words, people and pictures."""

from app.catalog.models import CourseLevel, CourseStatus
from app.cli.demo.content import DemoCourse, link, module, page, quiz, video

COURSES = (
    DemoCourse(
        title="Clear Writing at Work",
        description="Mails that are answered, reports that are read, instructions that are followed. Short exercises on "
        "your own texts, one habit a week, and no grammar tables.",
        category="Communication",
        level=CourseLevel.BEGINNER,
        language="en",
        skills=("Writing", "Editing"),
        students=29,
        stars=(0, 1, 1, 1, 22),
        days_ago=18,
        featured=True,
        modules=(
            module(
                "One message",
                video("What should the reader do?", 5),
                page(
                    "The first sentence carries the mail",
                    "Put the request first and the background after it. Compare:\n\n> As you may remember from our "
                    "meeting in May, there were several open points ...\n\n> Please choose one of the two dates below by "
                    "Friday.\n\nThe second can be answered from a phone in a queue. That is where it will be read.",
                ),
                page(
                    "Cut a third",
                    "Take the last mail you sent with more than ten lines. Remove a third of its words without losing a "
                    "fact. Look first at *in order to*, *the fact that*, *actually* and at every sentence about how you "
                    "came to write the sentence after it.",
                ),
                quiz("Find the request"),
            ),
            module(
                "One page",
                video("Headings that say something", 7.25),
                page(
                    "Lists are promises",
                    "A list says: these things are alike, and these are all. If one item is an action, make every item "
                    "an action. If there are twelve, the reader will remember none; group them.",
                ),
                link(
                    "How a government writes plainly",
                    "https://www.gov.uk/guidance/content-design/writing-for-gov-uk",
                ),
            ),
        ),
    ),
    DemoCourse(
        title="Leading Your First Team",
        description="Yesterday a colleague, today the lead. Twelve weeks of small steps: talks that matter, decisions "
        "that stick, and work you learn to give away.",
        category="Business",
        level=CourseLevel.INTERMEDIATE,
        language="en",
        skills=("Leadership", "Feedback", "Delegation"),
        students=17,
        stars=(0, 1, 1, 2, 9),
        days_ago=33,
        modules=(
            module(
                "The first month",
                video("Listen before you change anything", 8),
                page(
                    "A talk every second week",
                    "Half an hour, same time, never cancelled, and the agenda belongs to the other person. Ask three "
                    "things:\n\n1. What went well?\n2. What is in your way?\n3. What should I know?\n\nStatus reports "
                    "belong elsewhere. If this talk is about tickets, it is the wrong talk.",
                ),
                quiz("What would you say?"),
            ),
            module(
                "Giving work away",
                video("Hand over the goal, not the steps", 9.5),
                page(
                    "How much freedom?",
                    "Say it before the work begins: *decide and tell me*, *suggest and then decide with me*, or *find out "
                    "and I decide*. Most disappointments come from two people who had different ones of these in mind.",
                ),
                quiz("Choose the level of freedom"),
            ),
            module(
                "Hard talks",
                video("Feedback on one example", 10),
                page(
                    "Facts, effect, wish",
                    '"On Tuesday the figures arrived an hour after the meeting" is a fact. "You are unreliable" is a '
                    "judgement. Begin with the fact, say what followed from it, then say what you wish for. Then be quiet "
                    "and let the other one speak.",
                ),
                video("When it concerns yourself", 6),
                quiz("Fact or judgement?"),
            ),
        ),
    ),
    DemoCourse(
        title="Photography: Learning to See Light",
        description="The camera you have is good enough. We look at where light comes from, how hard it is and what it "
        "does to a face, and practise with a window, a lamp and a sheet of paper.",
        category="Arts",
        level=CourseLevel.INTERMEDIATE,
        language="en",
        skills=("Photography", "Composition"),
        students=19,
        stars=(0, 0, 1, 3, 11),
        days_ago=75,
        modules=(
            module(
                "Light has a direction",
                video("One window, eight portraits", 12.5),
                page(
                    "The egg on the sill",
                    "Put a white egg on a window sill and photograph it once an hour for a day. Look only at the edge of "
                    "the shadow: small and sharp at noon, wide and soft under clouds.\n\nA *large* source gives soft "
                    "light. The sun is huge and far away, which makes it small; a cloud makes it large again.",
                ),
                quiz("Where was the lamp?"),
            ),
            module(
                "Exposure",
                video("Why snow turns grey", 7),
                page(
                    "Three dials, one brightness",
                    "Aperture, time and sensitivity can be traded against each other. What changes is not the brightness "
                    "but the picture: depth, motion, grain. Decide which of them matters *here*, set it, and let the "
                    "camera do the other two.",
                ),
                video("Reading the histogram", 6.5),
                quiz("Too bright, too dark, just right"),
            ),
            module(
                "Your series",
                page(
                    "Twelve pictures of one place",
                    "Choose a place within five minutes' walk and go there twelve times, at twelve hours or in twelve "
                    "kinds of weather. Keep one picture of each visit. The fourth time you will be bored; the sixth time "
                    "you will begin to see.",
                ),
                video("Choosing is half the work", 9),
                link("A gallery of public domain photographs", "https://www.loc.gov/free-to-use/"),
            ),
        ),
    ),
    DemoCourse(
        title="Remote Collaboration, First Edition",
        description="How teams in several places agree on things. Replaced by newer courses, and kept for those who "
        "took it.",
        category="Business",
        level=CourseLevel.BEGINNER,
        language="en",
        skills=("Remote work",),
        students=11,
        stars=(1, 1, 1, 5, 1),
        days_ago=400,
        status=CourseStatus.ARCHIVED,
        modules=(
            module(
                "Meeting less",
                video("Does this need a meeting?", 5.5),
                page(
                    "Write it down first",
                    "A page that everybody reads in silence for ten minutes replaces half an hour of presentation. What "
                    "remains is the discussion, and that is what you met for.",
                ),
                quiz("Meeting, mail or neither"),
            ),
            module(
                "Across time zones",
                video("Handing over at the end of the day", 7),
                page(
                    "Three lines before you log off",
                    "What is done, what is stuck, what comes next. Whoever starts eight hours later can go on instead of "
                    "waiting for you to wake up.",
                ),
                quiz("Who reads it first?"),
            ),
        ),
    ),
)
