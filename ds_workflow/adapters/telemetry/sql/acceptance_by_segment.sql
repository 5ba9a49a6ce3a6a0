-- question: How often is a suggestion taken, by segment, and how sure is that?
-- grain: one row per segment
-- columns:
--   developer_segment how experienced the developers are
--   developers        developers who were shown something
--   shown             suggestions shown
--   acceptance_rate   share taken
--   low               lower end of its 95 % interval; developers are the independent units
--   high              upper end
{{ rate_by(developer_segment, acceptance_rate) }}
order by acceptance_rate desc, developer_segment
