"""What simulated reviews are made of: sentences with gaps, and the words that fill them.

A sentence that praises with `good` blames with `bad`. Negated sentences name the opposite of what they mean, so that
their words alone mislead and their runs of words do not.
"""

from __future__ import annotations

GOOD = (
    "wonderful", "superb", "excellent", "brilliant", "touching", "gripping", "charming", "memorable", "funny",
    "moving", "beautiful", "clever", "perfect", "amazing", "engaging", "believable", "powerful", "fresh", "warm",
    "delightful", "stunning", "witty", "sincere", "inspired", "fascinating",
)  # fmt: skip
BAD = (
    "awful", "terrible", "boring", "dull", "stupid", "predictable", "lame", "horrible", "ridiculous", "pointless",
    "wooden", "cheap", "tedious", "annoying", "weak", "forgettable", "pathetic", "clumsy", "confusing", "flat",
    "lifeless", "bland", "silly", "tired", "painful",
)  # fmt: skip
ASPECT = (
    "acting", "script", "plot", "direction", "music", "dialogue", "ending", "cast", "camera work", "pacing", "story",
    "editing", "humour", "lead", "first half", "last act", "romance", "villain", "opening", "production",
)  # fmt: skip
KIND = (
    "comedy", "thriller", "drama", "western", "horror film", "love story", "war film", "musical", "documentary", "film"
)  # fmt: skip
DEGREE = ("really", "quite", "simply", "just", "very", "absolutely", "rather", "so")
WHO = ("my wife", "my brother", "a friend", "my parents", "the kids", "a colleague", "my sister", "nobody else")
WHEN = (
    "on late night television", "in an almost empty theatre", "at a festival", "on an old tape", "last weekend",
    "on a long flight", "years ago", "for the second time", "after reading the book", "at school",
)  # fmt: skip
PLACE = (
    "a small town", "the desert", "postwar Berlin", "an old hotel", "the suburbs", "a fishing village", "the city",
    "a boarding school", "a space station", "the mountains", "a farm in the south", "an island",
)  # fmt: skip
ROLE = (
    "a retired detective", "a young widow", "two brothers", "a travelling salesman", "a teacher", "an ageing singer",
    "a group of students", "a soldier", "a taxi driver", "an orphan", "a journalist", "a doctor",
)  # fmt: skip
DEED = (
    "finds a letter that changes everything", "comes home after ten years", "has to hide from the police",
    "falls in love with a stranger", "takes a job that nobody else wants", "inherits a house with a secret",
    "tries to start again", "is mistaken for somebody else", "loses a bet", "witnesses a crime",
)  # fmt: skip

# {v} is a word of the wanted side
PLAIN = (
    "The {aspect} is {degree} {v}.",
    "The {aspect} was {v} and the {other} was {w}.",
    "What {a_v} {kind}.",
    "It is {degree} {v} from beginning to end.",
    "I found the {aspect} {degree} {v}.",
    "This is {a_v} {kind} with {a_w} {aspect}.",
    "Everything about the {aspect} felt {v}.",
)
PLAIN_GOOD = (
    "I loved every minute of this {kind}.",
    "I highly recommend it to anyone who likes a good {kind}.",
    "One of the best films that I have seen in years.",
    "The {aspect} alone is worth the price of the ticket.",
    "Do not miss it if you like a {v} {kind}.",
)
PLAIN_BAD = (
    "I hated almost every minute of this {kind}.",
    "It is a complete waste of time and money.",
    "One of the worst films that I have ever sat through.",
    "I kept looking at my watch during the {aspect}.",
    "Avoid this {v} {kind} at all costs.",
)
# {v} is a word of the other side
NEGATED = (
    "The {aspect} is not {v} at all.",
    "There is nothing {v} about the {aspect}.",
    "I would not call the {aspect} {v}.",
    "It is never {v} for a moment.",
    "The {aspect} was far from {v}.",
    "Nobody can say that the {aspect} is {v}.",
)
NEGATED_GOOD = (
    "I did not hate the {aspect} as everybody had told me I would.",
    "You will not waste your time with it.",
)
NEGATED_BAD = ("I can not recommend the {aspect} to anybody.", "I did not love the {aspect} as much as I had hoped to.")
NEUTRAL = (
    "The story is about {role} who {deed}.",
    "It begins in {place}, where {role} {deed}.",
    "I saw this {kind} {when} with {who}.",
    "Half way through, {role} {deed}.",
    "It is set in {place} and was shot there as well.",
    "The running time is about what you expect from a {kind}.",
    "Then {role} {deed}, and the rest of the {kind} follows from that.",
    "I had read about the {aspect} before I saw it {when}.",
    "In the meantime {role} arrives in {place} and {deed}.",
    "There is a scene in {place} that people talk about.",
)
QUESTIONS_BAD = ("Why was this made?", "Who wrote the {aspect}?", "What were they thinking?", "How did I finish it?")
QUESTIONS = ("Is there more to it?", "Have you read the book?", "What would you do?")
ABOUT = (
    "{actor} plays {person}, {role} who {deed}.",
    "{person} meets {other_person} in {place}.",
    "{actor} had worked with the same director before.",
    "When {person} {deed}, {other_person} is not there to help.",
)
SYLLABLES = ("mar", "len", "tor", "vis", "ka", "bel", "dor", "min", "ras", "el", "jo", "han", "sto", "pri", "gu", "nev")
