-- question: How often is a suggestion taken, by task, and how sure is that?
-- grain: one row per task
-- columns:
--   task              kind of task
--   developers        developers who were shown something
--   shown             suggestions shown
--   acceptance_rate   share taken
--   low               lower end of its 95 % interval; developers are the independent units
--   high              upper end
{{ rate_by(task, acceptance_rate) }}
order by acceptance_rate desc, task
