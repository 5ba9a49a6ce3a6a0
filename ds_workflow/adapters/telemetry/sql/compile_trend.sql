-- question: Does accepted code compile more or less often from week to week, beyond chance?
-- grain: one row per week, from Monday
-- columns:
--   week             Monday of the week
--   developers       developers who were shown something
--   shown              accepted suggestions that were compiled
--   compile_rate       share of accepted suggestions that compile
--   low              lower end of its 95 % interval; developers are the independent units
--   high             upper end
{{ rate_by(week, compile_rate) }}
order by week
