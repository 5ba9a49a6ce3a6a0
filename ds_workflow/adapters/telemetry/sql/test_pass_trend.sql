-- question: Do tests pass more or less often from week to week, beyond chance?
-- grain: one row per week, from Monday
-- columns:
--   week             Monday of the week
--   developers       developers who were shown something
--   shown              test runs
--   test_pass_rate     share of test runs that pass
--   low              lower end of its 95 % interval; developers are the independent units
--   high             upper end
{{ rate_by(week, test_pass_rate) }}
order by week
