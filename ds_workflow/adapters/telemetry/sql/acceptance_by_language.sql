-- question: How often is a suggestion taken, by language, and how sure is that?
-- grain: one row per language
-- columns:
--   language          programming language of the file
--   developers        developers who were shown something
--   shown             suggestions shown
--   acceptance_rate   share taken
--   low               lower end of its 95 % interval; developers are the independent units
--   high              upper end
{{ rate_by(language, acceptance_rate) }}
order by acceptance_rate desc, language
