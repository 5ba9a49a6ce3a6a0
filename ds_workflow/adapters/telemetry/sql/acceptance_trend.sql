-- question: Is the acceptance rate moving from week to week, beyond chance?
-- grain: one row per week, from Monday
-- columns:
--   week             Monday of the week
--   developers       developers who were shown something
--   shown            suggestions shown
--   acceptance_rate  share taken
--   low              lower end of its 95 % interval; developers are the independent units
--   high             upper end
{{ rate_by(week, acceptance_rate) }}
order by week
