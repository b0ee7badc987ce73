"""Mei Tanaka's courses: programming and data."""

from app.catalog.models import CourseLevel
from app.cli.demo.content import DemoCourse, link, module, page, quiz, video

COURSES = (
    DemoCourse(
        title="Python from the First Line",
        description="Write programs that do something useful from the first evening on. No experience needed: we begin "
        "with one line, read every error message together, and end with a tool that sorts your own files.",
        category="Programming",
        level=CourseLevel.BEGINNER,
        language="en",
        skills=("Python", "Debugging", "Files"),
        students=27,
        stars=(0, 1, 1, 2, 18),
        days_ago=12,
        featured=True,
        modules=(
            module(
                "Talking to the computer",
                video("Your first line, and what happens to it", 6.5),
                page(
                    "Names for values",
                    "A variable is a *name tag*, not a box. Writing `price = 12` ties the name `price` to the number 12; "
                    "writing `price = 15` later moves the tag.\n\nTry this in the interpreter:\n\n```python\nprice = 12\n"
                    "with_tip = price * 1.1\nprice = 15\nprint(with_tip)\n```\n\nBefore you press Enter, say out loud what "
                    "you expect. The answer is still 13.2: the calculation was done when the line ran.",
                ),
                video("Reading an error message from the bottom up", 8.25),
                quiz("Names, numbers and texts"),
            ),
            module(
                "Decisions and repetition",
                video("If, elif, else", 9),
                page(
                    "Loops that end",
                    "A `for` loop visits every item of something; a `while` loop goes on until a condition fails. Prefer "
                    "`for`: it cannot forget to stop.\n\n- `for name in names:` visits each name once.\n- `range(5)` gives "
                    "0 to 4, five numbers in all.\n- `break` leaves the loop early.\n\n**Exercise:** print the first ten "
                    "square numbers, then only the even ones.",
                ),
                link(
                    "The official tutorial on control flow",
                    "https://docs.python.org/3/tutorial/controlflow.html",
                ),
                quiz("What does this loop print?"),
            ),
            module(
                "A tool of your own",
                video("Listing the files of a folder", 11),
                page(
                    "Plan before you type",
                    "Our tool moves photos into one folder per month. Write the steps as comments first:\n\n1. List the "
                    "files of a folder.\n2. Skip everything that is not a photo.\n3. Find out the month of each photo.\n"
                    "4. Move it.\n\nWork on copies of your files until you trust the program. A `--dry-run` that only "
                    "prints what it *would* do is worth its ten lines.",
                ),
                video("Building it together", 17.5),
            ),
        ),
    ),
    DemoCourse(
        title="SQL That Answers Questions",
        description="Start from the question somebody asks you, not from the syntax. You learn to select, join and "
        "group with the tables of a small library, and to notice when an answer is wrong although the query runs.",
        category="Data",
        level=CourseLevel.BEGINNER,
        language="en",
        skills=("SQL", "PostgreSQL", "Data modelling"),
        students=24,
        stars=(0, 1, 2, 2, 13),
        days_ago=40,
        modules=(
            module(
                "One table",
                video("Rows, columns and the question behind them", 7),
                page(
                    "Choose rows, then columns",
                    "Read a query in the order the database thinks: `FROM` says where, `WHERE` says which rows, `SELECT` "
                    "says what to show.\n\n```sql\nSELECT title, due_on\nFROM loans\nWHERE returned_on IS NULL;\n```\n\n"
                    "Note `IS NULL`. A comparison with an unknown value is neither true nor false, so `= NULL` never "
                    "finds anything.",
                ),
                quiz("Which rows come back?"),
            ),
            module(
                "Several tables",
                video("What a join really does", 12),
                page(
                    "The join that doubled the sum",
                    "A reader with two loans and three fines appears in **six** rows when you join both tables at once. "
                    "The sum of the fines is then twice too high, and no error tells you.\n\nGroup each side first, join "
                    "the results afterwards. And make it a habit to count the rows before and after every join.",
                ),
                link(
                    "Joins in the PostgreSQL tutorial",
                    "https://www.postgresql.org/docs/current/tutorial-join.html",
                ),
                quiz("Inner, left or none"),
            ),
            module(
                "Groups and sums",
                video("GROUP BY without fear", 10.5),
                page(
                    "WHERE before, HAVING after",
                    "`WHERE` removes rows *before* they are grouped; `HAVING` removes groups *after* they are counted. "
                    '"Readers with more than five loans this year" needs both: the year belongs into `WHERE`, the five '
                    "into `HAVING`.",
                ),
                quiz("The library's yearly report"),
            ),
        ),
    ),
    DemoCourse(
        title="Designing Reliable APIs",
        description="Networks fail, clients repeat themselves and clocks disagree. This course is about interfaces "
        "that stay correct anyway: safe retries, honest errors, limits that protect, and changes that break nobody.",
        category="Programming",
        level=CourseLevel.ADVANCED,
        language="en",
        skills=("API design", "GraphQL", "Reliability"),
        students=14,
        stars=(0, 0, 1, 1, 9),
        days_ago=5,
        modules=(
            module(
                "When calls fail",
                video("Three ways a request can be lost", 9.5),
                page(
                    "Say it twice, mean it once",
                    "A client that hears nothing cannot know whether the request or the answer was lost. It must be "
                    "allowed to ask again.\n\nGive every write a key chosen by the client, and store the outcome under "
                    "it. The second call finds the key and returns the first answer. The key and the change must be "
                    "written in **one** transaction; otherwise a crash between the two brings the problem back.",
                ),
                page(
                    "Timeouts add up",
                    "If the browser waits five seconds, the server must not wait six for its database. Give every "
                    "layer less time than the one above it, and let the innermost one fail first: it knows the reason.",
                ),
                quiz("Safe to repeat?"),
            ),
            module(
                "Growing without breaking",
                video("Why a new field is safe and a new rule is not", 8),
                page(
                    "Errors are part of the contract",
                    'Separate what a person can mend from what only you can. "This e-mail is taken" is data with a code '
                    "and a field; a crash is an incident with an id.\n\nClients keep a default branch for codes they do "
                    "not know. Write that sentence into your documentation *before* you add the second code.",
                ),
                link("The GraphQL specification", "https://spec.graphql.org/"),
            ),
        ),
    ),
    DemoCourse(
        title="Statistics for the Curious",
        description="How sure may we be? With dice, newspaper headlines and a spreadsheet you build a feeling for "
        "chance, learn what an average hides, and find out why one study is never enough.",
        category="Data",
        level=CourseLevel.INTERMEDIATE,
        language="en",
        skills=("Statistics", "Critical reading", "Charts"),
        students=21,
        stars=(0, 0, 1, 1, 14),
        days_ago=90,
        featured=True,
        modules=(
            module(
                "Describing what we see",
                video("The average person does not exist", 7.75),
                page(
                    "Mean or median?",
                    "Nine people earn 2,000 a month; the tenth earns 50,000. The mean is 6,800, which describes nobody. "
                    "The median is 2,000, which describes nearly everybody.\n\nAsk for the median whenever a few large "
                    "values can pull: incomes, rents, waiting times.",
                ),
                quiz("Pick the fair number"),
            ),
            module(
                "Chance",
                video("Ten heads in a row", 9),
                page(
                    "Chance has no memory",
                    "After ten heads a fair coin shows heads with probability one half, as always. What is rare is the "
                    "*whole series*, and it was rare before you began.\n\n**Try it:** toss a coin fifty times and mark "
                    "the longest run. Most people are surprised how long it gets.",
                ),
                video("A thousand experiments in a spreadsheet", 13),
                quiz("Surprising or to be expected?"),
            ),
            module(
                "From sample to claim",
                video("What a margin of error says", 10),
                page(
                    "Four questions for a headline",
                    "1. How many people were asked, and how were they found?\n2. Compared to what?\n3. Is it the risk "
                    "that doubled, or a tiny number that became two tiny numbers?\n4. Who would have published the "
                    "opposite result?\n\nTake today's paper and put them to one article.",
                ),
                quiz("Read the study"),
            ),
        ),
    ),
)
