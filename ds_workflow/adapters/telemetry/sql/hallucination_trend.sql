-- question: Do suggestions name what does not exist more often from week to week, beyond chance?
-- grain: one row per week, from Monday
-- columns:
--   week             Monday of the week
--   developers       developers who were shown something
--   shown              suggestions reviewed
--   hallucination_rate share of reviewed suggestions that name what does not exist
--   low              lower end of its 95 % interval; developers are the independent units
--   high             upper end
{{ rate_by(week, hallucination_rate) }}
order by week
