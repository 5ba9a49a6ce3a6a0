"""The published table: its columns and the values they may hold (adult.names of the UCI repository)."""

from __future__ import annotations

MISSING = ("?",)  # what the files write where nothing is known
COLUMNS = (
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education_num",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
    "native_country",
    "income",
)
NUMBERS = ("age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week")
# header names of copies that go round, normalised, and what they are called here
ALIASES = {
    "educational_num": "education_num",
    "education_years": "education_num",
    "gender": "sex",
    "final_weight": "fnlwgt",
    "class": "income",
    "target": "income",
    "country": "native_country",
    "hours": "hours_per_week",
}
INCOME = {"<=50K": 0.0, ">50K": 1.0}

# in the order of years of schooling: place + 1 is the published education_num
EDUCATION = (
    "Preschool",
    "1st-4th",
    "5th-6th",
    "7th-8th",
    "9th",
    "10th",
    "11th",
    "12th",
    "HS-grad",
    "Some-college",
    "Assoc-voc",
    "Assoc-acdm",
    "Bachelors",
    "Masters",
    "Prof-school",
    "Doctorate",
)
LEVEL_OF = {name: place + 1 for place, name in enumerate(EDUCATION)}
SEGMENTS = ("NO_DIPLOMA", "HIGH_SCHOOL", "SOME_COLLEGE", "BACHELORS", "ADVANCED")
_LAST_LEVEL = (8, 9, 12, 13, 16)  # of each segment
SEGMENT_OF = {
    name: next(s for s, last in zip(SEGMENTS, _LAST_LEVEL, strict=True) if level <= last)
    for name, level in LEVEL_OF.items()
}

WORKCLASS = (
    "Federal-gov",
    "Local-gov",
    "Never-worked",
    "Private",
    "Self-emp-inc",
    "Self-emp-not-inc",
    "State-gov",
    "Without-pay",
)
OCCUPATION = (
    "Adm-clerical",
    "Armed-Forces",
    "Craft-repair",
    "Exec-managerial",
    "Farming-fishing",
    "Handlers-cleaners",
    "Machine-op-inspct",
    "Other-service",
    "Priv-house-serv",
    "Prof-specialty",
    "Protective-serv",
    "Sales",
    "Tech-support",
    "Transport-moving",
)
MARITAL_STATUS = (
    "Divorced",
    "Married-AF-spouse",
    "Married-civ-spouse",
    "Married-spouse-absent",
    "Never-married",
    "Separated",
    "Widowed",
)
RELATIONSHIP = ("Husband", "Not-in-family", "Other-relative", "Own-child", "Unmarried", "Wife")
RACE = ("Amer-Indian-Eskimo", "Asian-Pac-Islander", "Black", "Other", "White")
SEX = ("Female", "Male")
CATEGORIES = {
    "workclass": WORKCLASS,
    "education": EDUCATION,
    "marital_status": MARITAL_STATUS,
    "occupation": OCCUPATION,
    "relationship": RELATIONSHIP,
    "race": RACE,
    "sex": SEX,
}
